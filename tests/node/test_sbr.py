"""Source-based routing inside the daemon, beside the plugin it stands for, in twin namespaces."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError
from plurimus.drivers import call
from plurimus.drivers.sbr import Sbr

from .pods import ip
from .snapshot import kernel

pytestmark = pytest.mark.usefixtures("root")

PLUGINS = Path(__file__).resolve().parents[2] / "build/cni-bin"
OURS, THEIRS = "sbr-ours", "sbr-theirs"
NETWORKS = {
    "one": ["10.0.1.2/24"],
    "several": ["10.0.1.2/24", "10.0.9.2/24", "fd01::2/64"],
    "one-network-twice": ["10.0.1.2/24", "10.0.1.3/24"],
}


def path(name: str) -> str:
    return f"/run/netns/{name}"


@pytest.fixture
def twins() -> Iterator[None]:
    """Two namespaces that differ in nothing, each with net1 and net2, up."""
    for name in (OURS, THEIRS, "sbr-peer"):
        netns.create(path(name))
    try:
        for name in (OURS, THEIRS):
            for number in (1, 2):
                link = [f"net{number}", "index", str(100 + number), "address", f"02:00:00:00:00:0{number}"]
                peer = ["peer", "name", f"{name}{number}", "netns", "sbr-peer"]
                ip("link", "add", *link, "type", "veth", *peer, namespace=path(name))
                ip("link", "set", f"net{number}", "addrgenmode", "none", "up", namespace=path(name))
                ip("link", "set", f"{name}{number}", "up", namespace=path("sbr-peer"))
        yield
    finally:
        for name in (OURS, THEIRS, "sbr-peer"):
            netns.delete(path(name))


def address(name: str, ifname: str, *texts: str) -> None:
    for text in texts:
        ip("addr", "add", text, "dev", ifname, *(["nodad"] if ":" in text else []), namespace=path(name))


def gateway(text: str) -> str:
    return "fd01::1" if ":" in text else text.rpartition(".")[0] + ".1"


def conf(
    *texts: str, ifname: str = "net1", gateways: bool = True, version: str = "1.0.0", **more: Any
) -> dict[str, Any]:
    """What the plugin gets behind one that gave the interface the addresses `texts`."""
    ips = [{"address": text, "interface": 0, **({"gateway": gateway(text)} if gateways else {})} for text in texts]
    if version < "1":
        ips = [{"version": "6" if ":" in each["address"] else "4", **each} for each in ips]
    previous = {"cniVersion": version, "interfaces": [{"name": ifname, "sandbox": "pod"}], "ips": ips}
    return {"cniVersion": version, "name": "rail", "type": "sbr", "prevResult": previous, **more}


def variables(verb: str, name: str, ifname: str) -> dict[str, str]:
    return {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_NETNS": path(name), "CNI_IFNAME": ifname,
            "CNI_PATH": str(PLUGINS)}  # fmt: skip


def ours(verb: str, given: dict[str, Any], ifname: str = "net1", *, name: str = OURS, timeout: float = 20) -> str:
    """Have the driver do it, as the daemon would."""
    request = call.read(variables(verb, name, ifname), json.dumps(given).encode(), ())
    driver = Sbr(timeout)
    if verb == "ADD":
        return result.encode(asyncio.run(driver.add(request)), request.cni_version).decode()
    asyncio.run((driver.delete if verb == "DEL" else driver.check)(request))
    return ""


def theirs(verb: str, given: dict[str, Any], ifname: str = "net1", *, name: str = THEIRS) -> str:
    done = subprocess.run(
        [PLUGINS / "sbr"], input=json.dumps(given), env=variables(verb, name, ifname), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def state(name: str) -> dict[str, Any]:
    return kernel(name)


def rules(name: str) -> set[tuple[str, str]]:
    return {(rule["src"], rule["table"]) for rule in state(name)["rules"] if rule["src"] != "all"}


@pytest.mark.parametrize("gateways", [True, False], ids=["gateway", "no-gateway"])
@pytest.mark.parametrize("texts", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_rules_tables_and_result_are_the_plugins(twins: None, texts: list[str], gateways: bool, version: str) -> None:
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


def test_each_of_two_interfaces_gets_tables_of_its_own(twins: None) -> None:
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


def test_with_a_table_only_rules_are_made(twins: None) -> None:
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


@pytest.mark.parametrize("more", [{}, {"table": 7000}], ids=["own-tables", "table"])
@pytest.mark.parametrize("added_by", [ours, theirs])
def test_one_deletes_what_the_other_made(twins: None, added_by: Any, more: dict[str, Any]) -> None:
    deleted_by = theirs if added_by is ours else ours
    given = conf("10.0.1.2/24", "fd01::2/64", **more)
    address(OURS, "net1", "10.0.1.2/24", "fd01::2/64")
    added_by("ADD", given, name=OURS)
    assert {source for source, _ in rules(OURS)} == {"10.0.1.2", "fd01::2"}
    ours("CHECK", given)
    deleted_by("DEL", given, name=OURS)
    assert rules(OURS) == set()


def test_an_interface_can_be_routed_again_after_a_deletion(twins: None) -> None:
    """The plugin leaves its routes, and fails on them then (plugins spec, section 11)."""
    given = conf("10.0.1.2/24")
    for _ in range(2):
        address(OURS, "net1", "10.0.1.2/24")
        ours("ADD", given)
        assert rules(OURS) == {("10.0.1.2", "100")}
        ours("DEL", given)
        ip("addr", "flush", "dev", "net1", namespace=path(OURS))


def test_a_table_with_routes_but_without_rules_is_passed_over(twins: None) -> None:
    address(OURS, "net1", "10.0.1.2/24")
    ip("route", "add", "10.9.0.0/16", "dev", "net2", "table", "100", namespace=path(OURS))
    ours("ADD", conf("10.0.1.2/24"))
    assert rules(OURS) == {("10.0.1.2", "101")}
    ours("DEL", conf("10.0.1.2/24"))
    assert "10.9.0.0/16" in ip("route", "show", "table", "100", namespace=path(OURS))


def test_deletion_finds_rules_once_the_interface_is_gone_and_leaves_those_of_others(twins: None) -> None:
    for number in (1, 2):
        text = f"10.0.{number}.2/24"
        address(OURS, f"net{number}", text)
        ours("ADD", conf(text, ifname=f"net{number}"), f"net{number}")
    ip("link", "delete", "net1", namespace=path(OURS))
    ours("DEL", conf("10.0.1.2/24"))
    ours("DEL", conf("10.0.1.2/24"))
    assert rules(OURS) == {("10.0.2.2", "101")}
    given = conf("10.0.2.2/24")  # the address is another interface's by now
    ours("DEL", given)
    assert rules(OURS) == {("10.0.2.2", "101")}


@pytest.mark.parametrize("where", ["", "gone"])
def test_deletion_without_a_namespace_succeeds_and_makes_no_file(twins: None, where: str) -> None:
    given = json.dumps(conf("10.0.1.2/24")).encode()
    env = variables("DEL", where, "net1") | ({} if where else {"CNI_NETNS": ""})
    asyncio.run(Sbr().delete(call.read(env, given, ())))
    assert not Path(path("gone")).exists()


def test_source_hints_keep_the_interfaces_own_networks_in_the_main_table(twins: None) -> None:
    given = conf("10.0.1.2/24", "fd01::2/64", addSourceHints=True)
    address(OURS, "net1", "10.0.1.2/24", "fd01::2/64")
    ip("route", "add", "10.60.0.0/16", "dev", "net1", namespace=path(OURS))
    ours("ADD", given)
    main = [route for _, route in state(OURS)["routes"] if route.get("table", "main") == "main"]
    assert [(r["dst"], r.get("prefsrc")) for r in main] == [("10.0.1.0/24", "10.0.1.2"), ("fd01::/64", "fd01::2")]
    ours("CHECK", given)


def test_gateways_of_the_configuration_count_where_an_address_has_none(twins: None) -> None:
    given = conf("10.0.1.2/24", "fd01::2/64", gateways=False) | {"gateways": ["10.0.1.77", "fd01::77"]}
    address(OURS, "net1", "10.0.1.2/24", "fd01::2/64")
    ours("ADD", given)
    assert "default via 10.0.1.77 dev net1" in ip("route", "show", "table", "100", namespace=path(OURS))
    assert "default via fd01::77 dev net1" in ip("-6", "route", "show", "table", "101", namespace=path(OURS))


def test_check_misses_a_default_route(twins: None) -> None:
    address(OURS, "net1", "10.0.1.2/24")
    ours("ADD", conf("10.0.1.2/24"))
    ip("route", "delete", "default", "table", "100", namespace=path(OURS))
    with pytest.raises(
        AttachmentError, match=r"net1: what comes from 10\.0\.1\.2 has no default route via 10\.0\.1\.1"
    ):
        ours("CHECK", conf("10.0.1.2/24"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (conf("10.0.1.2/24") | {"prevResult": None}, "put it behind them in 'plugins'"),
        (conf(), "net1 has no address"),
        (conf("10.0.1.2/24", table=0), "'table' is 0, expected a number from 1"),
        (conf("10.0.1.2/24", table="x"), "table"),
        (conf("10.0.1.2/24") | {"gateways": ["there"]}, "'gateways' has 'there', expected an address"),
        (conf("10.0.1.2/24") | {"gateways": ["10.0.1.1", "10.0.1.3"]}, "several of IPv4"),
    ],
)
def test_what_cannot_be_routed_is_refused_and_nothing_done(twins: None, given: dict[str, Any], says: str) -> None:
    address(OURS, "net1", "10.0.1.2/24")
    before = state(OURS)
    with pytest.raises(PlurimusError, match=says) as refused:
        ours("ADD", given)
    assert isinstance(refused.value, ConfigError | AttachmentError)
    assert state(OURS) == before


def test_an_add_that_fails_half_way_leaves_no_rule(twins: None) -> None:
    """The second gateway cannot be reached, when the first address has its rule already."""
    given = conf("10.0.1.2/24", "10.0.9.2/24")
    address(OURS, "net1", "10.0.1.2/24")
    with pytest.raises(AttachmentError, match=r"adding route default via 10\.0\.9\.1"):
        ours("ADD", given)
    assert rules(OURS) == set()
    assert "10.0.1.0/24" in ip("route", "show", namespace=path(OURS))
    assert ip("route", "show", "table", "100", namespace=path(OURS)) == ""


def test_a_second_add_with_a_table_makes_a_second_rule(twins: None) -> None:
    """As the plugin's; DEL takes both away."""
    given = conf("10.0.1.2/24", table=7000)
    for name in (OURS, THEIRS):
        address(name, "net1", "10.0.1.2/24")
    for _ in range(2):
        assert ours("ADD", given) == theirs("ADD", given)
    assert state(OURS) == state(THEIRS)
    ours("DEL", given)
    assert rules(OURS) == set()


def test_an_interface_that_is_not_there_is_an_error(twins: None) -> None:
    with pytest.raises(AttachmentError, match="interface net7 is not in the sandbox"):
        ours("ADD", conf("10.0.1.2/24", ifname="net7"), "net7")


def test_the_driver_waits_for_the_plugins_lock(twins: None) -> None:
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
