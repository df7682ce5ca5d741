"""Debts: the DELs that no daemon took are paid by the next one (S5)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.node.recovery import Debts

from .stores import FakeSpool
from .world import CONTAINER, STATE, Node


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def body(node: Node, verb: str = "DEL", *, cni_dir: str = "", **env: str) -> bytes:
    """What the shim writes for a request."""
    stdin = node.netconf | ({"cniDir": cni_dir} if cni_dir else {})
    config = base64.b64encode(json.dumps(stdin).encode()).decode()
    return json.dumps({"env": node.env(verb, **env), "config": config}).encode()


def debts(node: Node, clock: Clock | None = None) -> Debts:
    return Debts(node.world.spool, node.requests, clock or Clock())


async def owing(*, failures: int) -> Node:
    """A node with a spooled DEL, whose first tries fail."""
    node = Node()
    await node.add()
    node.plugins.fail("DEL", times=failures)
    node.spool.put(CONTAINER, "eth0", body(node))
    return node


def slow(node: Node) -> Debts:
    """A payer on whose clock each DEL of a plugin takes six seconds."""
    return Debts(node.world.spool, node.requests, lambda: 6.0 * len(node.plugins.made("DEL")))


async def test_a_spooled_del_is_paid_and_forgotten() -> None:
    """S5."""
    node = Node()
    node.networks("a")
    await node.add()
    node.spool.put(CONTAINER, "eth0", body(node))
    assert await debts(node).pay() == 0
    assert node.plugins.made("DEL") == ["DEL a net1", "DEL bridge eth0"]
    assert node.left() == []


async def test_debts_are_paid_when_the_pod_has_gone_and_the_cluster_is_away() -> None:
    """S5: the record is enough."""
    node = Node()
    await node.add()
    node.cluster.pods.clear()
    node.cluster.error = AttachmentError("no route to the API server")
    node.spool.put(CONTAINER, "eth0", body(node))
    node.restart()
    assert await debts(node).pay() == 0
    assert node.left() == []


async def test_a_debt_that_cannot_be_paid_stays() -> None:
    """S5, F24."""
    node = Node()
    node.networks("a")
    await node.add()
    node.plugins.fail("DEL", "net1")
    node.spool.put(CONTAINER, "eth0", body(node))
    assert await debts(node).pay() == 1
    assert node.spool.has(CONTAINER, "eth0")
    assert node.recorded() == ["net1"]


async def test_a_failed_debt_is_tried_again_ever_more_seldom() -> None:
    node, clock = Node(), Clock()
    await node.add()
    node.plugins.fail("DEL", "eth0")
    node.spool.put(CONTAINER, "eth0", body(node))
    paying, tries = debts(node, clock), []
    for _ in range(1000):
        before = len(node.plugins.made("DEL"))
        assert await paying.pay() == 1
        if len(node.plugins.made("DEL")) > before:
            tries.append(clock.now)
        clock.now += 5
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert pauses[:6] == [5, 10, 20, 40, 80, 160]
    assert set(pauses[6:]) == {300}
    node.plugins.forgive()
    clock.now += 300
    assert await paying.pay() == 0
    assert node.left() == []


async def test_who_wants_it_now_has_a_debt_paid_whose_next_try_is_not_due() -> None:
    """`plurimus gc`, and the sweep."""
    node = await owing(failures=1)
    paying = debts(node)
    assert await paying.pay() == 1
    assert await paying.pay() == 1
    assert node.plugins.made("DEL") == ["DEL bridge eth0"]
    assert await paying.pay(at_once=True) == 0
    assert node.left() == []


async def test_two_that_pay_at_once_pay_a_debt_once() -> None:
    """The daemon by itself, and a sweep."""
    node = await owing(failures=2)
    paying = debts(node)
    assert await asyncio.gather(paying.pay(), paying.pay()) == [1, 1]
    assert node.plugins.made("DEL") == ["DEL bridge eth0"]  # whose next try is not due


async def test_one_debt_that_fails_does_not_hold_up_the_others() -> None:
    node = Node()
    for container in ("c1", "c2", "c3"):
        await node.add(container=container, netns=f"/run/netns/{container}")
        node.spool.put(container, "eth0", body(node, container=container))
    node.plugins.fail("DEL", times=1)
    assert await debts(node).pay() == 1
    assert list(node.records.files) == ["c1"]


async def test_a_payer_with_little_time_begins_no_other_debt_and_ends_the_one_it_has_begun() -> None:
    """S5: a call on a node without a daemon, whose runtime waits."""
    node = Node()
    for container in ("c1", "c2"):
        await node.add(container=container, netns=f"/run/netns/{container}")
        node.spool.put(container, "eth0", body(node, container=container))
    assert await slow(node).pay(within=5.0) == 1
    assert list(node.records.files) == ["c2"]
    assert await slow(node).pay(within=5.0) == 0
    assert node.left() == []


async def test_a_debt_that_takes_all_the_time_does_not_come_first_again() -> None:
    """S5: also for a payer that remembers nothing, as each call on a node without a daemon."""
    node = Node()
    for container in ("c1", "c2"):
        await node.add(container=container, netns=f"/run/netns/{container}")
        node.spool.put(container, "eth0", body(node, container=container))
    node.plugins.fail("DEL", times=1)
    assert await slow(node).pay(within=5.0) == 2
    assert await slow(node).pay(within=5.0) == 1
    assert list(node.records.files) == ["c1"]


async def test_a_failure_nobody_foresaw_does_not_end_the_paying() -> None:
    """An adapter with a bug shall not leave all other sandboxes of the node behind."""
    node = Node()
    for container in ("c1", "c2"):
        await node.add(container=container, netns=f"/run/netns/{container}")
        node.spool.put(container, "eth0", body(node, container=container))
    node.records.bug = "c1"
    assert await debts(node).pay() == 1
    assert list(node.records.files) == ["c1"]


async def test_an_add_voids_the_spooled_del_of_its_sandbox() -> None:
    """S5: whatever the runtime has asked for last counts."""
    node = Node()
    node.spool.put(CONTAINER, "eth0", body(node))
    await node.add()
    assert not node.spool.has(CONTAINER, "eth0")
    assert node.recorded() == ["eth0"]


async def test_a_del_that_an_add_has_overtaken_does_nothing() -> None:
    """S5: it had been read from the spool before the ADD voided it."""
    node = Node()
    await node.add(container="c1", netns="/run/netns/c1")
    node.spool.put("c1", "eth0", body(node, container="c1"))
    node.spool.put(CONTAINER, "eth0", body(node))
    held = node.plugins.hold("DEL")
    paying = asyncio.create_task(debts(node).pay())
    await held.reached.wait()
    await node.add()
    held.open()
    assert await paying == 0
    assert node.plugins.made("DEL") == ["DEL bridge eth0"]
    assert list(node.records.files) == [CONTAINER]


async def test_a_spooled_request_is_a_del_whatever_it_says() -> None:
    """The shim answered it as a DEL."""
    node = Node()
    node.spool.put(CONTAINER, "eth0", body(node, "ADD"))
    assert await debts(node).pay() == 0
    assert node.plugins.made() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"config": "%%"}'])
async def test_what_cannot_be_read_is_kept_aside(content: bytes) -> None:
    """S5."""
    node = Node()
    node.spool.put(CONTAINER, "eth0", content)
    assert await debts(node).pay() == 0
    assert node.spool.aside == [f"{CONTAINER}-eth0.json"]


async def test_a_spool_that_cannot_be_read_is_read_again_later() -> None:
    node = Node()
    await node.add()
    node.spool.put(CONTAINER, "eth0", body(node))
    node.spool.error = AttachmentError("cannot read the spool", code=5)
    paying = debts(node)
    await paying.pay()
    assert node.left() != []
    node.spool.error = None
    assert await paying.pay() == 0
    assert node.left() == []


async def test_debts_are_paid_from_the_start_on() -> None:
    """S5: and as long as the daemon runs."""
    node = Node()
    await node.add()
    node.spool.put(CONTAINER, "eth0", body(node))
    running = asyncio.create_task(debts(node).run())
    async with asyncio.timeout(10):
        while node.left():
            await asyncio.sleep(0.001)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


SPOOLS = [
    pytest.param({}, "", STATE, id="default-everywhere"),
    pytest.param({"cniDir": "/daemon"}, "", STATE, id="daemon-has-its-own"),
    pytest.param({}, "/runtime", "/runtime", id="runtime-has-its-own"),
    pytest.param({"cniDir": "/daemon"}, "/runtime", "/runtime", id="each-has-its-own"),
    pytest.param({"cniDir": "/daemon"}, "/daemon", "/daemon", id="both-the-same"),
]
"""The daemon's file, `cniDir` of the runtime's configuration, and where the shim therefore spools."""


@pytest.mark.parametrize(("config", "cni_dir", "folder"), SPOOLS)
async def test_every_spool_the_daemon_can_know_of_is_paid(config: dict[str, Any], cni_dir: str, folder: str) -> None:
    """S5: the shim knows the runtime's configuration alone, the daemon lays its file over that."""
    node = Node(netconf={"cniDir": cni_dir} if cni_dir else None, **config)
    await node.add()
    spool: FakeSpool = node.stores[folder][2]
    spool.put(CONTAINER, "eth0", body(node, cni_dir=cni_dir))
    assert await debts(node).pay() == 0
    assert node.left() == []


@pytest.mark.parametrize(("config", "cni_dir", "folder"), SPOOLS)
async def test_an_add_voids_the_del_where_its_shim_spools(config: dict[str, Any], cni_dir: str, folder: str) -> None:
    """S5."""
    node = Node(netconf={"cniDir": cni_dir} if cni_dir else None, **config)
    spool: FakeSpool = node.stores[folder][2]
    spool.put(CONTAINER, "eth0", body(node, cni_dir=cni_dir))
    await node.add()
    assert spool.files == {}
    assert await debts(node).pay() == 0
    assert node.plugins.made("DEL") == []


@pytest.mark.parametrize("config", [{}, {"cniDir": "/daemon"}])
async def test_a_daemon_pays_the_known_spools_before_any_request(config: dict[str, Any]) -> None:
    """S5: that of the default, and that of the daemon's file."""
    node = Node(**config)
    await node.add()
    node.restart()
    folder = config.get("cniDir", STATE)
    node.stores[folder][2].put(CONTAINER, "eth0", body(node, cni_dir=folder))
    assert await debts(node).pay() == 0
    assert node.left() == []


async def test_a_del_found_in_another_spool_than_its_own_is_paid() -> None:
    """The place it lies in says that it is owed, not the place its configuration names."""
    node = Node(cniDir="/daemon")
    await node.add()
    node.stores["/daemon"][2].put(CONTAINER, "eth0", body(node))
    assert await debts(node).pay() == 0
    assert node.left() == []
