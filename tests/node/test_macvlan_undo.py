"""What a macvlan interface leaves behind: nothing, whether it is deleted or was never finished."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.lower import Wanted
from plurimus.drivers.macvlan import Macvlan
from plurimus.drivers.steps import Undo

from .givers import TYPE, Giver
from .macvlans import (
    IPS,
    MAC,
    add,
    conf,
    names,
    pair,  # noqa: F401 - pair is a fixture
    there,
)
from .snapshot import ip
from .twins import OURS, ours, path, variables

pytestmark = pytest.mark.usefixtures("root")


def test_what_has_the_name_in_the_pod_stays_and_the_addresses_are_given_back() -> None:
    ip("link", "add", "net1", "address", MAC, "type", "veth", "peer", "name", "net1-peer", namespace=OURS)
    given = Giver(ips=IPS)
    with pytest.raises(AttachmentError, match="making the macvlan 'net1': File exists"):
        add(given, **TYPE)
    assert given.verbs == ["ADD", "DEL"]
    assert there()["address"] == MAC


@pytest.mark.parametrize(
    "content",
    [{"ips": IPS * 2}, {"ips": IPS, "routes": [{"dst": "10.9.0.0/16", "gw": "10.99.0.1"}]}],
)
def test_an_add_that_fails_leaves_neither_interface_nor_address(content: dict[str, Any]) -> None:
    given = Giver(names, **content)
    with pytest.raises(AttachmentError, match=r"adding (address|route)"):
        add(given, **TYPE)
    assert given.asked == [("ADD", {"lo"}), ("DEL", {"lo"})]
    assert names() == {"lo"}


def test_addresses_stay_given_where_the_interface_could_not_be_deleted() -> None:
    """It may have them, so nobody else gets them before the DEL that follows."""

    async def refused() -> None:
        raise AttachmentError("it stays")

    async def make(_call: Call, _wanted: Wanted, _given: Result, undo: Undo) -> Result:
        undo.add(refused)
        raise AttachmentError("no such route")

    given = Giver(ips=IPS)
    with pytest.raises(AttachmentError, match="no such route") as failed:
        ours(Macvlan(given.ipam, make), "ADD", conf(**TYPE))
    assert (given.verbs, failed.value.__notes__) == (["ADD"], ["while undoing: it stays"])
    ours(Macvlan(given.ipam), "DEL", conf(**TYPE))
    assert given.verbs == ["ADD", "DEL"]


def test_an_add_without_addresses_leaves_nothing() -> None:
    given = Giver(ips=IPS)
    given.fails = {"ADD"}
    with pytest.raises(AttachmentError, match="the giver fails at ADD"):
        add(given, **TYPE)
    assert (given.verbs, names()) == (["ADD"], {"lo"})


def test_an_address_somebody_else_has_is_an_error_that_leaves_nothing() -> None:
    ip("addr", "add", "fd56::2/64", "dev", "rail0-peer", "nodad")
    given = Giver(ips=[{"address": "fd56::2/64", "gateway": "fd56::1"}])
    with pytest.raises(AttachmentError, match="fd56::2/64 of net1: somebody else on the link has it"):
        add(given, **TYPE)
    assert (given.verbs, names()) == (["ADD", "DEL"], {"lo"})


async def test_an_add_that_is_cancelled_while_it_waits_leaves_nothing() -> None:
    given = Giver(ips=[{"address": "fd56::2/64", "gateway": "fd56::1"}])
    env = variables("ADD", OURS, "net1", {})
    adding = asyncio.create_task(Macvlan(given.ipam).add(call.read(env, json.dumps(conf(**TYPE)).encode(), ())))
    while "net1" not in await asyncio.to_thread(names):
        assert not adding.done()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert (given.verbs, names()) == (["ADD", "DEL"], {"lo"})


def test_addresses_are_given_back_once_the_interface_is_gone_and_deleting_again_is_fine() -> None:
    given = Giver(names, ips=IPS)
    driver = Macvlan(given.ipam)
    ours(driver, "ADD", conf(**TYPE))
    for _ in range(2):
        ours(driver, "DEL", conf(**TYPE, master="rail9", mode="switch", mtu=-1, mac="zz"))
    assert given.asked[1:] == [("DEL", {"lo"})] * 2
    ours(driver, "ADD", conf(**TYPE))
    netns.delete(path(OURS))
    given.sees = lambda: None
    ours(driver, "DEL", conf(**TYPE))
    ours(driver, "DEL", conf(**TYPE), name="")
    assert given.verbs[-2:] == ["DEL", "DEL"]


def test_a_delete_that_ipam_refuses_can_be_tried_again() -> None:
    given = Giver(names, ips=IPS)
    driver = Macvlan(given.ipam)
    ours(driver, "ADD", conf(**TYPE))
    given.fails = {"DEL"}
    with pytest.raises(AttachmentError, match="the giver fails at DEL"):
        ours(driver, "DEL", conf(**TYPE))
    given.fails = set()
    ours(driver, "DEL", conf(**TYPE))
    assert names() == {"lo"}
