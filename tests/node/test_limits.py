"""A kernel that gives no file descriptor, process or thread any more: errors, nothing left, and no busy loop."""

from __future__ import annotations

import time

import pytest

from .daemon import Node
from .surroundings import cpu_of, descriptors, pod_of, processes


@pytest.mark.parametrize("free", [1, 2, 3, 4, 6, 8, 11, 15])
def test_without_descriptors_an_add_is_refused_or_undone(node: Node, free: int) -> None:
    pod = pod_of(node)
    before = node.snapshot()
    with descriptors(node, free):
        answer = pod.call("ADD")
        if answer.status != 0:
            code, words = answer.document["code"], answer.stdout.decode()
            assert code == 11 or "Too many open files" in words or "too many open files" in words, words
    if answer.status != 0:
        pod.delete()
        node.is_as(before)
        pod.add()
    pod.delete()
    node.is_as(before)


def test_a_daemon_without_descriptors_waits_and_serves_once_it_has_some(node: Node) -> None:
    """Its socket is ready all the time, and must not keep a processor busy."""
    pod = pod_of(node)
    before = node.snapshot()
    with descriptors(node, 0):
        used, since = cpu_of(node), time.monotonic()
        assert pod.call("ADD").status == 1
        assert cpu_of(node) - used < (time.monotonic() - since) / 3
    pod.add()
    pod.delete()
    node.is_as(before)


@pytest.mark.parametrize("free", [0, 1, 2])
def test_without_processes_an_add_is_undone_and_a_del_is_the_runtimes_to_repeat(node: Node, free: int) -> None:
    """A process is what an executable needs; threads count as well."""
    pod, other = pod_of(node), pod_of(node)
    before = node.snapshot()
    other.add()
    with_other = node.snapshot()
    with processes(node, free):
        said = pod.call("ADD")
        if said.status != 0:
            assert ":program]: error adding container to network" in said.document["msg"]
            assert free or "limit of processes" in said.document["details"]  # else it was started, and then had none
        gone = other.call("DEL")
    pod.delete()
    if gone.status == 0:
        node.is_as(before)
    else:
        other.delete()
    node.is_as(before)
    assert with_other != before
