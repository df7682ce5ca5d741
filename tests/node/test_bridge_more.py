"""Bridges that several pods want at once, that were there before, and what CHECK says of a pod on one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, PlurimusError

from . import plugins
from .bridges import (
    BRIDGE,
    PODS,
    add,
    addresses,
    check,
    conf,
    details,
    driver,
    ping,
    pods,
    ports,
    variables,
)  # fmt: skip
from .snapshot import ip, kernel

pytestmark = pytest.mark.usefixtures("root", "node")

POD, OTHER = PODS
GATEWAY = conf("10.6.0.2/24", "fd06::2/64", isDefaultGateway=True)


@pytest.fixture
def node() -> Iterator[None]:
    with pods(*PODS):
        yield


def test_a_namespace_that_is_none_is_an_error_before_anything_is_done() -> None:
    for where in ("nowhere", ""):
        with pytest.raises(PlurimusError) as refused:
            add(GATEWAY, where)
        assert refused.value.code == 8
    assert BRIDGE not in kernel()["links"]


def test_a_second_add_is_refused_and_leaves_the_first() -> None:
    add(GATEWAY)
    before = kernel(POD)
    with pytest.raises(AttachmentError, match="there is an interface eth0 already"):
        add(GATEWAY)
    assert kernel(POD) == before
    assert len(ports()) == 1


def test_pods_that_come_at_once_all_get_the_bridge() -> None:
    """Several make it, address it and pin its MAC at the same time, some of them by executables."""
    names = [f"bridge-many{number}" for number in range(8)]
    with pods(*names):

        async def work() -> list[Any]:
            by = driver()
            loop = asyncio.get_running_loop()
            waiting: list[Any] = []
            for number, name in enumerate(names):
                given = conf(f"10.6.0.{number + 2}/24", f"fd06::{number + 2}/64", isDefaultGateway=True)
                env = variables("ADD", name, "eth0")
                if number % 4 == 3:
                    waiting.append(loop.run_in_executor(None, plugins.theirs, env, given))
                else:
                    waiting.append(plugins.answer(by, env, given))
            return list(await asyncio.gather(*waiting))

        assert len(asyncio.run(work())) == len(names)
        assert addresses(BRIDGE) == ["10.6.0.1/24", "fd06::1/64"]
        assert len(ports()) == len(names)
        for name in names:
            assert ping("10.6.0.1", name)


def test_a_bridge_that_was_there_without_ports_is_known_by_its_mac() -> None:
    ip("link", "add", BRIDGE, "address", "02:00:00:00:00:70", "type", "bridge")
    assert add(GATEWAY)["interfaces"][0]["mac"] == details(BRIDGE)["address"] == "02:00:00:00:00:70"
    assert details(BRIDGE)["linkinfo"]["info_data"]["bridge_id"] == "8000.2:0:0:0:0:70"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["link", "set", "eth0", "down"], "interface eth0 is down"),
        (["addr", "del", "10.6.0.2/24", "dev", "eth0"], r"has not the address 10\.6\.0\.2/24"),
        (["route", "del", "10.6.0.0/24"], r"has not the route to 10\.6\.0\.0/24 by eth0: is that up\?"),
        (["route", "del", "default"], r"has not the route to 0\.0\.0\.0/0 by eth0"),
        (["link", "set", "eth0", "address", "02:00:00:00:00:99"], "interface eth0 has the MAC"),
        (["link", "set", "eth0", "name", "net9"], "interface eth0 is not in"),
    ],
)
def test_check_says_what_is_not_as_it_was_made(argv: list[str], says: str) -> None:
    result = add(GATEWAY)
    check(GATEWAY, result)
    if "name" in argv:
        ip("link", "set", "eth0", "down", namespace=POD)
    ip(*argv, namespace=POD)
    with pytest.raises(AttachmentError, match=says):
        check(GATEWAY, result)
