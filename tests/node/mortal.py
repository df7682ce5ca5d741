"""What tests have in common that kill a daemon at every point: the node, its pods, and the points they try."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from . import snapshot
from .killing import EVERY, MortalNode
from .leftovers import ELSEWHERE, there
from .nursery import Nursery
from .runtime import Sandbox

EXECUTABLES = ["bridge", "macvlan", "tuning", "host-local"]
T = TypeVar("T")


@contextmanager
def mortal_node(folder: Path, nursery: Nursery, which: str, **config: Any) -> Iterator[MortalNode]:
    """A node with `drivers` alone, or with some `executables`, that is empty again behind the test."""
    executables = EXECUTABLES if which == "executables" else []
    with MortalNode(folder, nursery, executables=executables, **config) as made:
        yield made
        made.reset()
    # what executables left is no business of the next test's
    snapshot.run("nft", "flush", "ruleset")
    shutil.rmtree(ELSEWHERE[0], ignore_errors=True)


def chosen(names: Sequence[str], ways: Sequence[T], *, step: int = 1, first: int = 0) -> Iterator[tuple[int, T]]:
    """The points to try, each with a way, by turns: every `step`th and the last, or all of them with all ways.

    `first` puts off where the ways begin.
    """
    tried = [at for at in range(1, len(names) + 1) if EVERY or at % step == 0 or at == len(names)]
    turns = itertools.islice(itertools.cycle(ways), first, None)
    yield from itertools.product(tried, ways) if EVERY else zip(tried, turns, strict=False)


def pod(node: MortalNode) -> Sandbox:
    """With three networks: an ordinary one, one more, and one of two plugins."""
    node.network("a", node.macvlan(0))
    first = {key: value for key, value in node.macvlan(1).items() if key != "cniVersion"}
    chain = {"cniVersion": "1.1.0", "name": "b", "plugins": [first, {"type": "tuning", "mtu": 1400}]}
    node.network("b", chain)
    return node.sandbox("a,b", cluster_network=node.bridge(ipMasq=True))


def empty(node: MortalNode, sandbox: Sandbox) -> dict[str, Any]:
    """The node when pods have been there, such as this: the firewall keeps its chains."""
    sandbox.add()
    sandbox.delete()
    node.lose(sandbox)
    return there(node)
