"""Source-based routing inside the daemon, beside the plugin it stands for, in twin namespaces."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import threading

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.drivers import call
from plurimus.drivers.sbr import Sbr
from plurimus.drivers.threads import in_thread

from .pods import ip
from .sourcerouting import (
    NETWORKS,
    OURS,
    THEIRS,
    address,
    conf,
    ours,
    path,
    rules,
    state,
    theirs,
    twins,  # noqa: F401 - twins is a fixture
    variables,
)

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("gateways", [True, False], ids=["gateway", "no-gateway"])
@pytest.mark.parametrize("texts", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_rules_tables_and_result_are_the_plugins(texts: list[str], gateways: bool, version: str) -> None:
    """RDMA spec, case 61."""
    given = conf(*texts, gateways=gateways, version=version)
    for name in (OURS, THEIRS):
        address(name, "net1", *texts)
        ip("route", "add", "10.50.0.0/16", "via", "10.0.1.9", "metric", "7", "mtu", "1300", namespace=path(name))
        ip("route", "add", "10.60.0.0/16", "dev", "net1", namespace=path(name))
    assert ours("ADD", given) == theirs("ADD", given)
    assert state(OURS) == state(THEIRS)
    assert ("10.0.1.2", "100") in rules(OURS)
    ours("CHECK", given)
    ours("DEL", given)
    theirs("DEL", given)
    assert rules(OURS) == rules(THEIRS) == set()
    assert [route for _, route in state(OURS)["routes"] if route.get("table", "main") not in ("main", "local")] == []


def test_each_of_two_interfaces_gets_tables_of_its_own() -> None:
    """RDMA spec, case 61."""
    for number in (1, 2):
        texts = (f"10.0.{number}.2/24", f"fd0{number}::2/64")
        given = conf(*texts, ifname=f"net{number}", gateways=False)
        for name in (OURS, THEIRS):
            address(name, f"net{number}", *texts)
        assert ours("ADD", given, f"net{number}") == theirs("ADD", given, f"net{number}")
        assert state(OURS) == state(THEIRS)
    wanted = {("10.0.1.2", "100"), ("fd01::2", "101"), ("10.0.2.2", "102"), ("fd02::2", "103")}
    assert rules(OURS) == wanted


def test_with_a_table_only_rules_are_made() -> None:
    given = conf("10.0.1.2/24", "fd01::2/64", table=7000)
    for name in (OURS, THEIRS):
        address(name, "net1", "10.0.1.2/24", "fd01::2/64")
        ip("route", "add", "default", "via", "10.0.1.1", "table", "7000", namespace=path(name))
    assert ours("ADD", given) == theirs("ADD", given)
    assert state(OURS) == state(THEIRS)
    assert rules(OURS) == {("10.0.1.2", "7000"), ("fd01::2", "7000")}
    ours("CHECK", given)
    ours("DEL", given)
    theirs("DEL", given)
    assert state(OURS) == state(THEIRS)
    with pytest.raises(AttachmentError, match=r"net1: no rule leads what comes from 10\.0\.1\.2 to table 7000"):
        ours("CHECK", given)


def test_a_table_with_routes_but_without_rules_is_passed_over() -> None:
    address(OURS, "net1", "10.0.1.2/24")
    ip("route", "add", "10.9.0.0/16", "dev", "net2", "table", "100", namespace=path(OURS))
    ours("ADD", conf("10.0.1.2/24"))
    assert rules(OURS) == {("10.0.1.2", "101")}
    ours("DEL", conf("10.0.1.2/24"))
    assert "10.9.0.0/16" in ip("route", "show", "table", "100", namespace=path(OURS))


def test_source_hints_keep_the_interfaces_own_networks_in_the_main_table() -> None:
    given = conf("10.0.1.2/24", "fd01::2/64", addSourceHints=True)
    address(OURS, "net1", "10.0.1.2/24", "fd01::2/64")
    ip("route", "add", "10.60.0.0/16", "dev", "net1", namespace=path(OURS))
    ours("ADD", given)
    main = [route for _, route in state(OURS)["routes"] if route.get("table", "main") == "main"]
    assert [(r["dst"], r.get("prefsrc")) for r in main] == [("10.0.1.0/24", "10.0.1.2"), ("fd01::/64", "fd01::2")]
    ours("CHECK", given)


def test_gateways_of_the_configuration_count_where_an_address_has_none() -> None:
    given = conf("10.0.1.2/24", "fd01::2/64", gateways=False) | {"gateways": ["10.0.1.77", "fd01::77"]}
    address(OURS, "net1", "10.0.1.2/24", "fd01::2/64")
    ours("ADD", given)
    assert "default via 10.0.1.77 dev net1" in ip("route", "show", "table", "100", namespace=path(OURS))
    assert "default via fd01::77 dev net1" in ip("-6", "route", "show", "table", "101", namespace=path(OURS))


def test_check_misses_a_default_route() -> None:
    address(OURS, "net1", "10.0.1.2/24")
    ours("ADD", conf("10.0.1.2/24"))
    ip("route", "delete", "default", "table", "100", namespace=path(OURS))
    with pytest.raises(
        AttachmentError, match=r"net1: what comes from 10\.0\.1\.2 has no default route via 10\.0\.1\.1"
    ):
        ours("CHECK", conf("10.0.1.2/24"))


def test_a_second_add_with_a_table_makes_a_second_rule() -> None:
    """As the plugin's; DEL takes both away."""
    given = conf("10.0.1.2/24", table=7000)
    for name in (OURS, THEIRS):
        address(name, "net1", "10.0.1.2/24")
    for _ in range(2):
        assert ours("ADD", given) == theirs("ADD", given)
    assert state(OURS) == state(THEIRS)
    ours("DEL", given)
    assert rules(OURS) == set()


def test_an_interface_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttachmentError, match="interface net7 is not in the sandbox"):
        ours("ADD", conf("10.0.1.2/24", ifname="net7"), "net7")


def test_the_driver_waits_for_the_plugins_lock() -> None:
    """The plugin locks the file of the namespace; a driver that never gets the lock says so and does nothing."""
    address(OURS, "net1", "10.0.1.2/24")
    lock = os.open(path(OURS), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(AttachmentError, match="has been locked by another plugin"):
        ours("ADD", conf("10.0.1.2/24"), timeout=0.05)
    assert rules(OURS) == set()
    adding = threading.Thread(target=ours, args=("ADD", conf("10.0.1.2/24")), kwargs={"timeout": 60})
    adding.start()
    os.close(lock)
    adding.join()
    assert rules(OURS) == {("10.0.1.2", "100")}


async def test_a_pod_that_keeps_its_namespace_locked_keeps_nobody_else_waiting() -> None:
    """Whatever runs in a namespace can lock it, and there are not that many threads."""
    lock = os.open(path(OURS), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    request = call.read(variables("DEL", OURS, "net1"), json.dumps(conf("10.0.1.2/24")).encode(), ())
    waiting = [asyncio.create_task(Sbr(300).delete(request)) for _ in range(40)]
    await asyncio.sleep(0)
    other = asyncio.create_task(in_thread(lambda: "done"))
    done, _ = await asyncio.wait([other], timeout=30)
    ended = [task for task in waiting if task.done()]
    os.close(lock)
    await asyncio.gather(other, *waiting)
    assert (done, ended) == ({other}, [])
