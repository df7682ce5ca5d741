"""What is left on a node of pods, to be compared with what was there before them.

All of it counts: kernel, firewall, addresses, records, results, and what plugins keep below /run.  Where executables
run, two things are left out, of those pods alone whose namespace had ended before their DEL: no caller of the plugins
can have them taken away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import snapshot
from .killing import MortalNode
from .process import eventually

ELSEWHERE = (Path("/run/cni"), Path("/run/plurimus"), Path("/var/run/k8s.cni.cncf.io/devinfo/cni"))
MASQUERADED, TUNED = "pods", "net2"
"""The network of the default interface, and the interface behind `tuning`."""


def there(node: MortalNode) -> dict[str, Any]:
    """The node without what is in pods."""
    taken = snapshot.take((), (node.state, node.ipam)) | {str(folder): snapshot.files(folder) for folder in ELSEWHERE}
    if node.config["executables"]:
        # bridge v1.9.1 knows what it masquerades by the addresses it finds in the namespace
        chains = {masquerading(container_id) for container_id in node.bereft}
        taken["firewall"] = list(without_chains(taken["firewall"], chains))
        # tuning v1.9.1 ends before it removes its file where it cannot enter the namespace
        for container_id in node.bereft:
            taken[str(ELSEWHERE[0])].pop(f"tuning/{container_id}_{TUNED}.json", None)
    return taken


def masquerading(container_id: str) -> str:
    """The chain that `bridge` makes for a pod."""
    return "CNI-" + hashlib.sha512(f"{MASQUERADED}{container_id}".encode()).hexdigest()[:24]


def without_chains(rules: Sequence[str], chains: set[str]) -> Iterator[str]:
    """The lines of a ruleset but those of some chains and of the jumps into them; and but empty ones."""
    inside = False
    for line in rules:
        words = line.split()
        inside = inside or (words[:1] == ["chain"] and words[1] in chains)
        if not inside and words and words[-1] not in chains:
            yield line
        inside = inside and words != ["}"]


def settles(node: MortalNode, wanted: dict[str, Any], what: str) -> None:
    """The node gets to be as it was; the kernel and the daemon may take a moment."""
    eventually(lambda: is_as(node, wanted), lambda: f"{what}\n{what_is_left(node, wanted)}")


def what_is_left(node: MortalNode, wanted: dict[str, Any]) -> str:
    return f"{snapshot.difference(wanted, there(node))}\n{node.passed()}\n{node.log.read_text()[-5000:]}"


def is_as(node: MortalNode, wanted: dict[str, Any]) -> bool:
    return same(lambda: there(node), wanted)


def same(seen: Callable[[], dict[str, Any]], wanted: dict[str, Any]) -> bool:
    """Whether what is seen is as `wanted`, while a daemon may be at work on it."""
    try:
        return seen() == wanted
    except FileNotFoundError:  # a file that was listed is gone before it is read
        return False
