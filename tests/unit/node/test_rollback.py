"""A failed ADD undoes what it began, wherever it fails; what cannot be undone is not forgotten (S49)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, PlurimusError

from .world import Node

NAMES = ("a", "b", "c", "d")
IFNAMES = ("eth0", "net1", "net2", "net3", "net4")
ALL = ["bridge eth0", "a net1", "b net2", "c net3", "d net4"]


def five() -> Node:
    """A node whose pod gets five attachments, each of another type."""
    node = Node()
    node.networks(*NAMES)
    return node


def dels(count: int) -> list[str]:
    """The DELs of the first `count` attachments, in reverse."""
    return [f"DEL {name}" for name in reversed(ALL[:count])]


@pytest.mark.parametrize("position", range(5))
async def test_all_that_was_begun_is_undone_in_reverse_order(position: int) -> None:
    """F1: the failed one too, which may have made something; no plugin is called that was not called before."""
    node = five()
    node.plugins.fail("ADD", IFNAMES[position])
    error = await node.refused("ADD")
    assert error.msg.endswith(f"no ADD of {IFNAMES[position]} today")
    assert node.plugins.made("ADD") == [f"ADD {name}" for name in ALL[: position + 1]]
    assert node.plugins.made("DEL") == dels(position + 1)
    assert node.left() == []


def _claim(node: Node) -> None:
    node.pod([{"name": name} for name in NAMES[:3]] + [{"name": "d", "default-route": ["10.0.0.1"]}])


def _no_routes(node: Node) -> None:
    _claim(node)
    node.kernel.error = AttachmentError("Operation not permitted")


def _no_status(node: Node) -> None:
    node.cluster.write_error = ClusterError("pod default/pod was replaced")


def _no_address(node: Node) -> None:
    """A result the runtime's old version has no words for."""
    node.netconf["cniVersion"] = "0.2.0"
    node.network("cbr0", namespace="kube-system", type="bridge", cniVersion="1.0.0")
    node.plugins.answers["bridge"] = lambda call: {"cniVersion": "1.0.0", "interfaces": [{"name": call.ifname}]}


@pytest.mark.parametrize("spoil", [_no_routes, _no_status, _no_address])
async def test_a_failure_after_the_last_attachment_undoes_all(spoil: Any) -> None:
    """F1: default routes, status and the conversion of the result are part of the ADD."""
    node = five()
    spoil(node)
    await node.refused("ADD")
    assert len(node.plugins.made("ADD")) == 5
    assert node.plugins.made("DEL") == dels(5)
    assert node.left() == []


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b'{"cniVersion": "7.0"}', b'{"ips": [{"address": "x"}]}'])
async def test_an_answer_that_is_no_result_is_a_failure(answer: bytes) -> None:
    node = five()
    node.plugins.answers["b"] = lambda _: answer
    await node.refused("ADD")
    assert node.plugins.made("DEL") == dels(3)
    assert node.left() == []


async def test_no_event_tells_of_an_attachment_that_was_undone() -> None:
    """F44."""
    node = five()
    node.plugins.fail("ADD", "net4")
    await node.refused("ADD")
    assert node.cluster.told() == []
    assert node.cluster.statuses == []


async def test_a_failure_while_undoing_is_a_note_an_event_and_stays_on_record() -> None:
    """S49, F24: whatever retryDeleteOnError says, what fails stays on record."""
    node = five()
    node.plugins.fail("ADD", "net3")
    node.plugins.fail("DEL", "net1")
    node.plugins.fail("DEL", "eth0")
    error = await node.refused("ADD")
    assert error.msg == '[default/pod/uid-1:c]: error adding container to network "c": no ADD of net3 today'
    undone = [f'[default/pod/uid-1:{net}]: error deleting container from network "{net}": no DEL of {ifname} today'
              for net, ifname in (("a", "net1"), ("cbr0", "eth0"))]  # fmt: skip
    assert error.__notes__ == [f"while undoing: {text}" for text in undone]
    assert node.cluster.told() == [("Warning", "FailedRemovingInterface", text) for text in undone]
    assert node.recorded() == ["eth0", "net1"]


@pytest.mark.parametrize("keys", [{}, {"retryDeleteOnError": True}, {"retryDeleteOnError": False}])
async def test_the_next_del_finishes_what_undoing_could_not(keys: dict[str, bool]) -> None:
    """F24, S49."""
    node = five()
    node.netconf |= keys
    node.plugins.fail("ADD", "net4")
    node.plugins.fail("DEL", "net2", times=1)
    await node.refused("ADD")
    assert node.recorded() == ["net2"]
    node.plugins.calls.clear()
    await node.delete()
    assert node.plugins.made() == ["DEL b net2"]
    assert node.left() == []


async def test_an_add_first_undoes_what_an_earlier_one_left() -> None:
    """A daemon that died half way leaves its record, and what plugins made outside of the namespace."""
    node = five()
    await node.add()
    node.plugins.attached.clear()
    node.plugins.calls.clear()
    node.restart()
    await node.add()
    assert node.plugins.made() == dels(5) + [f"ADD {name}" for name in ALL]
    assert node.recorded() == list(IFNAMES)


async def test_an_add_does_not_begin_while_something_earlier_cannot_be_undone() -> None:
    """Else its record would take the place of the only trace of it."""
    node = five()
    await node.add()
    node.plugins.attached.clear()
    node.plugins.calls.clear()
    node.plugins.fail("DEL", "net2")
    error = await node.refused("ADD")
    assert "no DEL of net2 today" in error.msg
    assert node.plugins.made("ADD") == []
    assert node.recorded() == ["net2"]


async def test_a_second_add_does_not_take_a_living_sandbox_apart() -> None:
    """F37: its interfaces are there, so the request is refused and nothing is undone."""
    node = five()
    await node.add()
    error = await node.refused("ADD")
    assert "already exists" in error.msg
    assert node.plugins.made("DEL") == []
    assert node.recorded() == list(IFNAMES)


@pytest.mark.parametrize("position", range(5))
async def test_a_cancelled_add_is_undone(position: int) -> None:
    """S39: as when the daemon ends before the plugin does."""
    node = five()
    held = node.plugins.hold("ADD", IFNAMES[position])
    adding = asyncio.create_task(node.add())
    await held.reached.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert node.plugins.made("DEL") == dels(position + 1)
    assert node.left() == []


async def test_undoing_is_not_cancelled() -> None:
    """S39: not even by several cancellations while it runs."""
    node = five()
    adds, undoing = node.plugins.hold("ADD", "net2"), node.plugins.hold("DEL", "net2")
    adding = asyncio.create_task(node.add())
    await adds.reached.wait()
    adding.cancel()
    await undoing.reached.wait()
    for _ in range(3):
        adding.cancel()
        await asyncio.sleep(0)
    undoing.open()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert node.left() == []


async def test_a_record_that_cannot_be_written_does_not_replace_the_reason() -> None:
    """S49: what failed first is what the pod's author must know."""
    node = five()
    held = node.plugins.hold("ADD", "net1")
    node.plugins.fail("ADD", "net1")
    node.plugins.fail("DEL", "net1", times=1)
    with pytest.raises(PlurimusError, match="no ADD of net1 today") as caught:
        async with held.while_waiting(node.add()):
            node.records.store_error = AttachmentError("cannot write the record: disk full", code=5)
    assert [note for note in caught.value.__notes__ if "disk full" in note]
    node.records.store_error = None
    await node.delete()
    assert node.left() == []
