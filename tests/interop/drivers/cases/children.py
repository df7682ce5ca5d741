"""Cases of `ipvlan`, `vlan` and `dummy`: plugins spec section 18, cases 50 to 52.

The machine's own kernel may have none of these kinds, so they run in the machine that has them; what never gets that
far runs here.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from ..case import (
    ADD,
    CHECK,
    DEFAULT,
    DEL,
    GC,
    NETNS_GONE,
    NIC,
    NIC_MAC,
    OTHERS_LEASE,
    STATUS,
    TAKEN,
    TAKEN_FIRST,
    Cases,
    command,
    conf,
    host_local,
    static,
    verb,
)

CASES = Cases()
KEYS: dict[str, dict[str, Any]] = {
    "ipvlan": {"master": "nic0"},
    "vlan": {"master": "nic0", "vlanId": 100},
    "dummy": {},
}
IPAM: dict[str, dict[str, Any]] = {
    "host-local": host_local("10.1.2.0/24", routes=[{"dst": "0.0.0.0/0"}]),
    "dual": host_local("10.1.2.0/24", "fd01:2::/64", routes=[{"dst": "10.9.0.0/16", "priority": 7}]),
}


def add(
    kind: str, name: str, *, version: str = "1.0.0", setup: str = NIC, steps: tuple[Any, ...] = (), **more: Any
) -> None:
    """A case for the machine, unless `here` is given."""
    of_case = {key: more.pop(key) for key in ("args", "crossed", "noisy") if key in more}
    here = more.pop("here", False)
    given = conf(kind, version=version, **{**KEYS[kind], "ipam": IPAM["host-local"], **more})
    CASES.add(name, kind, given, setup=setup, steps=steps, vm=not here, **of_case)


DNS = {"nameservers": ["10.1.1.1"]}
CHANGES = {
    "down": "ip -n pod link set eth0 down",
    "no address": "ip -n pod addr flush dev eth0",
    "another mtu": "ip -n pod link set eth0 mtu 1200",
}
INSIDE = """
ip link add nic1 address 02:00:00:00:00:40 netns pod type veth peer name nic1-wire
ip link set nic1-wire up; ip -n pod link set nic1 up
"""
none = "/run/netns/none"
for kind in KEYS:
    add(kind, "dual", ipam=IPAM["dual"])
    add(kind, "noisy", ipam=IPAM["dual"], noisy=True)
    for version in ("0.2.0", "0.4.0"):
        add(kind, f"version {version}", version=version)
    add(kind, "dns of both", ipam=static("10.1.2.5/24", dns={"nameservers": ["10.7.7.7"]}), dns=DNS)
    add(kind, "name taken", setup=NIC + TAKEN, steps=TAKEN_FIRST, crossed=False)
    add(
        kind,
        "no address left",
        setup=NIC + OTHERS_LEASE,
        ipam=host_local("10.1.2.0/30"),
        steps=(ADD, DEL, DEL),
        crossed=False,
    )
    add(
        kind,
        "address twice",
        ipam={"type": "static", "addresses": [{"address": "10.1.2.5/24"}] * 2},
        steps=(ADD, DEL, DEL),
        crossed=False,
    )
    add(kind, "added twice", steps=(ADD, ADD, DEL, DEL), crossed=False)
    add(kind, "namespace gone", steps=(ADD, NETNS_GONE, DEL, DEL))
    add(kind, "no namespace told", steps=(ADD, verb("DEL", netns=""), DEL))
    add(kind, "status and collection", version="1.1.0", steps=(ADD, GC, DEL, STATUS))
    add(kind, "no ipam", ipam=None, steps=(ADD, DEL), crossed=False)
    add(kind, "no such ipam", ipam={"type": "none"}, steps=(ADD, DEL), crossed=False)
    add(
        kind,
        "no such namespace",
        steps=(verb("ADD", netns=none), verb("DEL", netns=none)),
        crossed=False,
        here=kind == "dummy",
    )
    for title, change in CHANGES.items():
        add(kind, f"check: {title}", steps=(ADD, command(change), CHECK, DEL), crossed=False)
    if kind != "dummy":
        add(kind, "mtu", mtu=1300)
        add(kind, "mtu above the master's", mtu=9000, crossed=False, steps=(ADD, DEL))
        add(kind, "no such master", master="none0", crossed=False, here=True)
        add(kind, "master gone", steps=(ADD, command("ip link delete nic0"), DEL, DEL))
        add(kind, "link in the container", master="nic1", linkInContainer=True, setup=INSIDE)
add("dummy", "no ipam, here", ipam=None, crossed=False, here=True)

for mode, mtu in product(("l2", "l3", "l3s"), (None, 1300)):
    add("ipvlan", f"mode {mode}{', mtu' if mtu else ''}", mode=mode, mtu=mtu)
add("ipvlan", "unknown mode", mode="zz", crossed=False, here=True)
add("ipvlan", "the default route's master", master=None, setup=DEFAULT)
add("ipvlan", "no default route", master=None, crossed=False, here=True)
BEFORE: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "nic0", "mac": NIC_MAC}],
    "ips": [{"address": "10.1.2.5/24", "gateway": "10.1.2.1", "interface": 0}],
    "routes": [{"dst": "0.0.0.0/0"}],
}
add("ipvlan", "chained", master=None, ipam=None, prevResult=BEFORE)
add("ipvlan", "chained with ipam", master=None, prevResult=BEFORE)
two = {**BEFORE, "interfaces": [{"name": "nic0"}, {"name": "nic1"}]}
add("ipvlan", "chained behind two", master=None, ipam=None, prevResult=two, crossed=False, here=True)

for number in (0, 1, 4094):
    add("vlan", f"id {number}", vlanId=number)
add("vlan", "id of none", vlanId=None)
for number in (4095, -1):
    add("vlan", f"id {number}", vlanId=number, crossed=False, here=True)
add("vlan", "no master", master=None, crossed=False, here=True)
add("vlan", "mtu -1", mtu=-1, crossed=False, here=True)
add("vlan", "one id twice", steps=(ADD, verb("ADD", ifname="eth1"), verb("DEL", ifname="eth1"), DEL), crossed=False)
add(
    "vlan",
    "check: another id",
    steps=(ADD, verb("CHECK", conf=conf("vlan", master="nic0", vlanId=7, ipam=IPAM["host-local"])), DEL),
)
