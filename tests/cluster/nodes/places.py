"""The folders every real node has, /etc/cni/net.d and the like, in the tests' mount namespace alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster.node import Node

CONFIGURATIONS, PLUGINS = Path("/etc/cni/net.d"), Path("/opt/cni/bin")
STATE, SOCKETS = Path("/var/lib/cni/multus"), Path("/run/multus")


@contextmanager
def default_places(folder: Path, node: Node) -> Iterator[None]:
    """The node's CNI folders where a runtime looks for them unless told otherwise, and no state yet."""
    with ExitStack() as made:
        for name, place, what in (("etc", CONFIGURATIONS, node.confdir), ("opt", PLUGINS, node.bin)):
            made.enter_context(overlaid(Path("/") / name, folder / name))
            place.mkdir(parents=True, exist_ok=True)
            made.enter_context(_mounted("--bind", what, place))
        # every runtime keeps its results beside it
        STATE.parent.mkdir(parents=True, exist_ok=True)
        made.enter_context(_mounted("-t", "tmpfs", "state", STATE.parent))
        yield


@contextmanager
def overlaid(path: Path, folder: Path) -> Iterator[None]:
    """What is written below `path` goes to `folder`."""
    folders = {f"{name}dir": folder / name for name in ("upper", "work")}
    for made in folders.values():
        made.mkdir(parents=True)
    options = ",".join([f"lowerdir={path}", *(f"{name}={made}" for name, made in folders.items())])
    with _mounted("-t", "overlay", "-o", options, "tests", path):
        yield


@contextmanager
def _mounted(*what: str | Path) -> Iterator[None]:
    """`what` ends with where it is mounted; what uses it still does not keep it there."""
    subprocess.run(["mount", *what], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", what[-1]], check=True)
