"""Cases of `host-device`: plugins spec section 18, cases 54 to 58."""

from __future__ import annotations

from typing import Any

from ..case import (
    ADD,
    CHECK,
    DEL,
    GC,
    NETNS_GONE,
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
KIND = "host-device"
MAC = "02:00:00:00:00:60"
DEVICE = f"""
ip link add dev0 address {MAC} mtu 1400 txqueuelen 500 type veth peer name dev0-wire
ip link set dev0-wire up
"""
UP = "ip link set dev0 up\n"
IPAM: dict[str, dict[str, Any] | None] = {
    "layer 2": None,
    "host-local": host_local("10.1.2.0/24", routes=[{"dst": "0.0.0.0/0"}]),
    "dual": host_local("10.1.2.0/24", "fd01:2::/64"),
}


def add(name: str, *, version: str = "1.0.0", setup: str = DEVICE, steps: tuple[Any, ...] = (), **more: Any) -> None:
    of_case = {key: more.pop(key) for key in ("args", "crossed", "noisy") if key in more}
    CASES.add(
        name, KIND, conf(KIND, version=version, **{"device": "dev0", **more}), setup=setup, steps=steps, **of_case
    )


for title, ipam in IPAM.items():
    for state, setup in (("down", DEVICE), ("up", DEVICE + UP)):
        add(f"{title}, {state}", ipam=ipam, setup=setup)
    add(f"deleted twice, {title}", ipam=ipam, steps=(ADD, DEL, DEL, ADD, DEL))
    add(f"namespace gone, {title}", ipam=ipam, steps=(ADD, NETNS_GONE, DEL, DEL))
    add(f"no namespace told, {title}", ipam=ipam, steps=(ADD, verb("DEL", netns=""), DEL))
for version in ("0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.1.0", ""):
    add(f"version {version or 'none'}", version=version, ipam=IPAM["dual"])
WITH: dict[str, dict[str, Any]] = {
    "hwaddr": {"device": None, "hwaddr": MAC},
    "hwaddr in upper case": {"device": None, "hwaddr": MAC.upper()},
    "device before hwaddr": {"hwaddr": "02:00:00:00:00:99"},
    "kernelpath": {"device": None, "kernelpath": "/sys/devices/virtual"},
    "kernelpath elsewhere": {"device": None, "kernelpath": "/etc"},
    "nothing": {"device": None},
    "an empty device": {"device": ""},
    "no such device": {"device": "none0"},
    "no such hwaddr": {"device": None, "hwaddr": "02:00:00:00:00:99"},
    "hwaddr that is none": {"device": None, "hwaddr": "zz"},
    "no such PCI address": {"device": None, "pciBusID": "0000:ff:1f.7"},
    "no such deviceID": {"device": None, "runtimeConfig": {"deviceID": "0000:ff:1f.7"}},
    "device and no such deviceID": {"runtimeConfig": {"deviceID": "0000:ff:1f.7"}},
    "device of another type": {"device": 5},
}
for title, more in WITH.items():
    add(f"by {title}", **more, crossed=title in ("hwaddr", "hwaddr in upper case", "device before hwaddr"))
add("addresses that it has", setup=DEVICE + UP + "ip addr add 10.3.3.3/24 dev dev0\n")
add("an alias that it has", setup=DEVICE + "ip link set dev0 alias before\n")
add("altnames", setup=DEVICE + "ip link property add dev dev0 altname enp1s0f0 altname other-name\n")
add(
    "the pod's name is its own",
    steps=(verb("ADD", ifname="dev0"), verb("CHECK", ifname="dev0"), verb("DEL", ifname="dev0")),
)
add("name taken", setup=DEVICE + UP + TAKEN, steps=TAKEN_FIRST, crossed=False)
add("name taken, addresses", setup=DEVICE + UP + TAKEN, ipam=IPAM["host-local"], steps=TAKEN_FIRST, crossed=False)
HOME_TAKEN = (ADD, command("ip link add dev0 type veth peer name dev0-other"), DEL, command("ip link delete dev0"), DEL)
add("its name is taken at home", steps=HOME_TAKEN)
add("added twice", steps=(ADD, ADD, DEL), crossed=False)
none = "/run/netns/none"
add("no such namespace", steps=(verb("ADD", netns=none), verb("DEL", netns=none)), crossed=False)
add("deleted without an addition", steps=(DEL,), crossed=False)
add("no alias", steps=(ADD, command("ip -n pod link set eth0 alias ''"), DEL))
add(
    "no address left", ipam=host_local("10.1.2.0/30"), setup=DEVICE + UP + OTHERS_LEASE, steps=(ADD, DEL), crossed=False
)
add("no such ipam", ipam={"type": "none"}, steps=(ADD, DEL), crossed=False)
add("ipam gives nothing", ipam={"type": "static"}, steps=(ADD, DEL), crossed=False)
add(
    "address twice",
    ipam={"type": "static", "addresses": [{"address": "10.1.2.5/24"}] * 2},
    steps=(ADD, DEL),
    crossed=False,
)
add("junk in the variables", args="FOO=1;IgnoreUnknown=0;MAC=zz")
DNS = {"nameservers": ["10.1.1.1"]}
add("dns of both", ipam=static("10.1.2.5/24", dns={"nameservers": ["10.7.7.7"]}), dns=DNS)
add("dns, layer 2", dns=DNS)
add("noisy", ipam=IPAM["dual"], setup=DEVICE + UP, noisy=True)
add("status and collection", version="1.1.0", ipam=IPAM["host-local"], steps=(ADD, GC, DEL, STATUS))
CHANGES = {
    "down": "ip -n pod link set eth0 down",
    "another mac": "ip -n pod link set eth0 address 02:00:00:00:00:77",
    "no address": "ip -n pod addr flush dev eth0",
}
for title, change in CHANGES.items():
    add(f"check: {title}", ipam=IPAM["host-local"], steps=(ADD, command(change), CHECK, DEL), crossed=False)
