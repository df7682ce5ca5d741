"""`ipvlan`, `vlan` and `dummy` inside the daemon as far as any kernel goes: what they ask for, refuse and give back.

The interfaces themselves are made in the machine of tests/vm, since a kernel may lack these kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, Code, ConfigError
from plurimus.cni.result import Interface, Result
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.dummy import Dummy
from plurimus.drivers.ipvlan import Ipvlan
from plurimus.drivers.lower import Wanted, WithIpam
from plurimus.drivers.steps import Undo
from plurimus.drivers.vlan import Vlan
from plurimus.wire import rtkinds
from tests.unit.wire.test_rtnetlink import decoded

from .givers import TYPE, Giver
from .snapshot import ip, ip_json, kernel
from .twins import OURS, ours, path, twins

pytestmark = pytest.mark.usefixtures("root")
IPS = [{"address": "10.56.0.2/24"}]
DNS = {"nameservers": ["10.0.0.2"]}


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    """The pod's namespace, and rail0 on the host."""
    with twins():
        ip("link", "add", "rail0", "mtu", "1600", "type", "veth", "peer", "name", "rail0-peer")
        try:
            yield
        finally:
            ip("link", "delete", "rail0")


class Maker:
    """Stands for the kernel: takes down what is to be made."""

    def __init__(self) -> None:
        self.wanted: list[Wanted] = []
        self.given: list[Result] = []

    async def __call__(self, call: Call, wanted: Wanted, given: Result, undo: Undo) -> Result:
        self.wanted.append(wanted)
        self.given.append(given)
        made = Interface(call.ifname, mac="02:00:00:00:00:01", sandbox=call.netns)
        return msgspec.structs.replace(given, interfaces=(made,), dns=wanted.dns)

    def asked(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The attributes of the only link, and those of its kind."""
        (wanted,) = self.wanted
        message = decoded(ifinfmsg, rtkinds.new_link(wanted.link))
        info = message.get_attr("IFLA_LINKINFO")
        data = info.get_attr("IFLA_INFO_DATA")
        own = {name: value for name, value in message["attrs"] if name != "IFLA_LINKINFO"}
        return own | {"kind": info.get_attr("IFLA_INFO_KIND")}, dict(data["attrs"]) if data else {}


def conf(kind: str, **more: Any) -> dict[str, Any]:
    return {"cniVersion": "1.1.0", "name": "rail", "type": kind, **more}


def rail() -> int:
    (link,) = ip_json("link", "show", "rail0")
    return int(link["ifindex"])


def names() -> set[str]:
    return set(kernel(OURS)["links"])


def add(driver: Driver, wanted: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(ours(driver, "ADD", wanted))
    return made


def test_a_vlan_is_asked_for_with_its_master_number_and_mtu() -> None:
    maker, given = Maker(), Giver(ips=IPS, dns={"nameservers": ["10.0.0.1"]})
    made = add(Vlan(given.ipam, maker), conf("vlan", master="rail0", vlanId=4094, mtu=1400, dns=DNS, **TYPE))
    own, data = maker.asked()
    assert own == {"kind": "vlan", "IFLA_IFNAME": "net1", "IFLA_LINK": rail(), "IFLA_MTU": 1400}
    assert data == {"IFLA_VLAN_ID": 4094}
    assert (made["dns"], made["ips"], maker.wanted[0].parameters) == (DNS, IPS, {})
    assert given.verbs == ["ADD"]


@pytest.mark.parametrize(("mode", "number"), [("", 0), ("l2", 0), ("l3", 1), ("l3s", 2)])
def test_an_ipvlan_is_asked_for_with_its_mode_and_tells_neighbours(mode: str, number: int) -> None:
    maker, given = Maker(), Giver(ips=IPS)
    made = add(Ipvlan(given.ipam, maker), conf("ipvlan", master="rail0", mode=mode, mtu=9000, dns=DNS, **TYPE))
    own, data = maker.asked()
    assert own == {"kind": "ipvlan", "IFLA_IFNAME": "net1", "IFLA_LINK": rail(), "IFLA_MTU": 9000}
    assert data["IFLA_IPVLAN_MODE"] == number
    parameters = {"net/ipv4/conf/net1/arp_notify": "1", "net/ipv6/conf/net1/ndisc_notify": "1"}
    assert (made["dns"], maker.wanted[0].parameters) == (DNS, parameters)


def test_a_dummy_has_ipams_dns() -> None:
    maker, given = Maker(), Giver(ips=IPS, dns={"nameservers": ["10.0.0.1"]})
    made = add(Dummy(given.ipam, maker), conf("dummy", dns=DNS, **TYPE))
    assert maker.asked() == ({"kind": "dummy", "IFLA_IFNAME": "net1"}, {})
    assert (made["dns"], maker.wanted[0].in_pod) == ({"nameservers": ["10.0.0.1"]}, True)


def test_an_ipvlan_behind_a_plugin_is_on_its_only_interface_with_its_addresses() -> None:
    maker, given = Maker(), Giver()
    before = {"cniVersion": "1.1.0", "interfaces": [{"name": "rail0"}], "ips": IPS, "routes": [{"dst": "10.9.0.0/16"}]}
    made = add(Ipvlan(given.ipam, maker), conf("ipvlan", prevResult=before))
    assert maker.asked()[0]["IFLA_LINK"] == rail()
    assert (made["routes"], [each["name"] for each in made["interfaces"]]) == (before["routes"], ["net1"])
    assert given.asked == []
    own = Giver(ips=[{"address": "10.58.0.2/24"}])
    made = add(Ipvlan(own.ipam, maker), conf("ipvlan", prevResult=before, **TYPE))
    assert (own.verbs, made["ips"]) == (["ADD"], [{"address": "10.58.0.2/24"}])


@pytest.mark.parametrize("interfaces", [[], [{"name": ""}], [{"name": "rail0"}, {"name": "rail0-peer"}]])
def test_an_ipvlan_behind_a_plugin_with_other_than_one_interface_needs_a_master(interfaces: list[Any]) -> None:
    maker = Maker()
    before = {"cniVersion": "1.1.0", "interfaces": interfaces, "ips": IPS}
    with pytest.raises(ConfigError, match="must be said by 'master'"):
        add(Ipvlan(Giver().ipam, maker), conf("ipvlan", prevResult=before))
    add(Ipvlan(Giver().ipam, maker), conf("ipvlan", prevResult=before, master="rail0"))
    assert maker.asked()[0]["IFLA_LINK"] == rail()


@pytest.mark.parametrize(
    ("driver", "wanted", "words"),
    [
        (Vlan, conf("vlan", **TYPE), "'master' is missing"),
        (Vlan, conf("vlan", master="rail9", **TYPE), "'master' is 'rail9': Link not found on this node"),
        (Vlan, conf("vlan", master="rail0", vlanId=4095, **TYPE), "'vlanId' is 4095, expected 0 to 4094"),
        (Vlan, conf("vlan", master="rail0", vlanId=-1, **TYPE), "'vlanId' is -1"),
        (Vlan, conf("vlan", master="rail0", mtu=1601, **TYPE), "'mtu' is 1601, expected 0 to 1600"),
        (Vlan, conf("vlan", master="rail0"), "without a 'type' in 'ipam', 'vlan' makes no interface"),
        (Ipvlan, conf("ipvlan", master="rail0", mode="l4", **TYPE), "'mode' is 'l4', expected one of l2, l3, l3s"),
        (Ipvlan, conf("ipvlan", master="rail0", mtu=-1, **TYPE), "'mtu' is -1"),
        (Ipvlan, conf("ipvlan", master="rail0"), "without a 'type' in 'ipam', 'ipvlan' makes no interface"),
        (Ipvlan, conf("ipvlan", **TYPE), "no default route"),
        (Dummy, conf("dummy"), "without a 'type' in 'ipam', 'dummy' makes no interface"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    driver: type[WithIpam], wanted: dict[str, Any], words: str
) -> None:
    given, maker = Giver(ips=IPS), Maker()
    with pytest.raises((ConfigError, AttachmentError), match=words):
        add(driver(given.ipam, maker), wanted)
    assert (given.asked, maker.wanted) == ([], [])


KINDS: list[tuple[type[WithIpam], dict[str, Any]]] = [
    (Vlan, conf("vlan", master="rail0", vlanId=7, **TYPE)),
    (Ipvlan, conf("ipvlan", master="rail0", **TYPE)),
    (Dummy, conf("dummy", **TYPE)),
]


@pytest.mark.parametrize(("driver", "wanted"), KINDS)
def test_an_add_that_fails_leaves_nothing(driver: type[WithIpam], wanted: dict[str, Any]) -> None:
    given = Giver(names, ips=[{"address": "10.56.0.2/24"}] * 2)
    with pytest.raises(AttachmentError, match=r"making the|adding address"):
        add(driver(given.ipam), wanted)
    assert given.asked == [("ADD", {"lo"}), ("DEL", {"lo"})]


@pytest.mark.parametrize(("driver", "wanted"), KINDS)
def test_a_delete_needs_no_master_no_namespace_and_no_right_configuration(
    driver: type[WithIpam], wanted: dict[str, Any]
) -> None:
    ip("link", "add", "net1", "type", "veth", "peer", "name", "net1-peer", namespace=OURS)
    given = Giver(names)
    made = driver(given.ipam)
    for _ in range(2):
        ours(made, "DEL", wanted | {"master": "rail9", "vlanId": 9999, "mode": "l4"})
    assert given.asked == [("DEL", {"lo"})] * 2
    netns.delete(path(OURS))
    given.sees = lambda: None
    ours(made, "DEL", wanted)
    ours(made, "DEL", {key: value for key, value in wanted.items() if key != "ipam"}, name="")
    assert given.verbs == ["DEL"] * 3


@pytest.mark.parametrize(("driver", "wanted"), KINDS)
def test_status_and_gc_are_ipams_too(driver: type[WithIpam], wanted: dict[str, Any]) -> None:
    given = Giver()
    ours(driver(given.ipam), "STATUS", wanted)
    ours(driver(given.ipam), "GC", wanted | {"cni.dev/valid-attachments": []})
    assert given.verbs == ["STATUS", "GC"]
    if "master" in wanted:
        with pytest.raises(AttachmentError, match="'rail9'") as unready:
            ours(driver(given.ipam), "STATUS", wanted | {"master": "rail9"})
        assert unready.value.code == Code.PLUGIN_NOT_AVAILABLE


@pytest.mark.parametrize(("driver", "wanted"), KINDS)
def test_check_looks_for_the_interface_and_its_kind(driver: type[WithIpam], wanted: dict[str, Any]) -> None:
    check: Callable[[], str] = lambda: ours(driver(Giver().ipam), "CHECK", wanted | {"prevResult": made})  # noqa: E731
    made = {"cniVersion": "1.1.0", "interfaces": [{"name": "net1", "sandbox": path(OURS)}]}
    with pytest.raises(AttachmentError, match="interface net1 is not in"):
        check()
    ip("link", "add", "net1", "type", "veth", "peer", "name", "net1-peer", namespace=OURS)
    with pytest.raises(AttachmentError, match=f"is of the kind 'veth', expected '{wanted['type']}'"):
        check()
    with pytest.raises(ConfigError, match="'prevResult' is missing"):
        ours(driver(Giver().ipam), "CHECK", wanted)
