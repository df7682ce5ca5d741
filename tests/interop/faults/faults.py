"""The faults: each is what happens to a node with one candidate on it; the last DEL of its pods is the fault's own.

The first line of each docstring is its name in docs/beside-multus-faults.md.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from plurimus.adapters import netns
from tests.node.snapshot import run
from tests.patience import SLOWER

from .node import FaultNode, give_up, until

Fault = Callable[[FaultNode], None]


def third_of_four_fails(node: FaultNode) -> None:
    """a plugin fails at the third of four networks"""
    pod = node.four("broken")
    assert not node.runs(pod)
    node.remove(pod)


def prints_rubbish(node: FaultNode) -> None:
    """a plugin ends well and prints no result, at the third of four networks"""
    pod = node.four("rubbish")
    node.runs(pod)
    node.remove(pod)


def killed_in_add(node: FaultNode) -> None:
    """the daemon is killed in the middle of an ADD; DEL when it is back"""
    pod = node.four("told")
    adding = node.begin(pod)
    node.kill_daemon()
    give_up(adding)
    node.go()
    node.start_daemon()
    node.remove(pod)


def killed_in_add_and_away(node: FaultNode) -> None:
    """the same, and its DEL comes while the daemon is away"""
    pod = node.four("told")
    adding = node.begin(pod)
    node.kill_daemon()
    give_up(adding)
    node.go()
    node.remove(pod)
    node.start_daemon()


def deleted_while_away(node: FaultNode) -> None:
    """DEL of a pod that runs, while the daemon is away"""
    pod = node.four()
    assert node.runs(pod)
    node.kill_daemon()
    node.remove(pod)
    node.start_daemon()


def rebooted(node: FaultNode) -> None:
    """the node reboots; the runtime knows its sandboxes no more and says so by GC"""
    pods = [node.four() for _ in range(3)]
    assert all(node.runs(pod) for pod in pods)
    node.kill_daemon()
    for pod in pods:
        netns.delete(pod.netns)
    node.start_daemon()
    conf = node.netconf(node.bridge()) | node.ways[node.candidate] | {"cni.dev/valid-attachments": []}
    node.call("GC", conf)


def deleted_without_api(node: FaultNode) -> None:
    """DEL while the API server is away"""
    pod = node.four()
    assert node.runs(pod)
    with node.api.unreachable():
        node.remove(pod)


def added_without_api(node: FaultNode) -> None:
    """ADD while the API server is away"""
    pod = node.four()
    with node.api.unreachable():
        node.runs(pod)
    node.remove(pod)


def pod_unknown(node: FaultNode) -> None:
    """ADD of a pod that the API server does not know"""
    pod = node.four()
    node.forget(pod.pod)
    node.runs(pod)
    node.remove(pod)


def torn_record(node: FaultNode) -> None:
    """the file of what was attached is torn; DEL"""
    pod = node.four()
    assert node.runs(pod)
    content = pod.record.read_bytes()
    pod.record.write_bytes(content[: len(content) // 2])
    node.remove(pod)


def torn_results(node: FaultNode) -> None:
    """the files of the result cache are torn; DEL"""
    pod = node.four()
    assert node.runs(pod)
    for path in (node.state / "results").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    node.remove(pod)


def namespace_gone(node: FaultNode) -> None:
    """the namespace is gone before DEL"""
    pod = node.four()
    assert node.runs(pod)
    netns.delete(pod.netns)
    node.remove(pod)


def namespace_file_left(node: FaultNode) -> None:
    """the namespace is gone before DEL, and its file is there"""
    pod = node.four()
    assert node.runs(pod)
    run("umount", "-l", pod.netns)
    node.remove(pod)


def gave_up(node: FaultNode) -> None:
    """a plugin hangs and the runtime gives the ADD up; DEL while it hangs"""
    pod = node.four("told")
    adding = node.begin(pod)
    give_up(adding)
    (node.folder / "started").unlink()
    deleting = node.launch(pod, "DEL")
    until((node.folder / "started").exists, 3)
    node.go()  # what hangs comes to its end, and what is called for the DEL does not hang
    try:
        deleting.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        give_up(deleting)
    node.remove(pod)


def gave_up_and_no_del(node: FaultNode) -> None:
    """a plugin hangs and the runtime gives the ADD up; its DEL comes before the plugin ends, and no other"""
    pod = node.four("told")
    give_up(node.begin(pod))
    (node.folder / "started").unlink()
    until((node.folder / "started").exists, 2)  # who undoes it at once calls the plugin again
    if (node.folder / "started").exists():
        node.go()
    node.remove(pod)


@contextmanager
def full(node: FaultNode, size: int) -> Iterator[None]:
    """`cniDir` on a disk of its own with `size` bytes free."""
    run("mount", "-t", "tmpfs", "-o", "size=256k", "full", str(node.state))
    ballast = node.state / "results"
    ballast.mkdir()
    path = node.state / ".ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(file.tell() - size)
    try:
        yield
    finally:
        path.unlink()


def disk_full(node: FaultNode) -> None:
    """the disk of cniDir is full at ADD; DEL while it is"""
    try:
        pod = node.four()
        with full(node, 0):
            node.runs(pod)
            node.remove(pod)
    finally:
        run("umount", "-l", str(node.state))


def disk_fills(node: FaultNode) -> None:
    """the disk of cniDir fills up in the middle of an ADD; DEL once there is room"""
    try:
        pod = node.four()
        with full(node, 12288):
            node.runs(pod)
        node.remove(pod)
    finally:
        run("umount", "-l", str(node.state))


def config_taken(node: FaultNode) -> None:
    """another program renames the node's CNI configuration, as some primary plugins do; ADD 5 s later"""
    until(node.generated.exists, 30)
    taken = node.generated.rename(f"{node.generated}.taken")
    until(node.generated.exists, 5 * SLOWER)
    pod = node.four()
    node.choose(pod)
    node.runs(pod)
    node.remove(pod)
    taken.unlink()


FAULTS: list[Fault] = [
    third_of_four_fails, prints_rubbish, killed_in_add, killed_in_add_and_away, deleted_while_away, rebooted,
    deleted_without_api, added_without_api, pod_unknown, torn_record, torn_results, namespace_gone,
    namespace_file_left, gave_up, gave_up_and_no_del, disk_full, disk_fills,
    config_taken,
]  # fmt: skip


def name_of(fault: Fault) -> str:
    """Its line in the table."""
    assert fault.__doc__
    return fault.__doc__.splitlines()[0]
