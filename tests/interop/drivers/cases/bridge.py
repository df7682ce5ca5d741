"""Cases of `bridge`: plugins spec section 18, cases 1 to 17, 23 to 34, 69 to 71; those of VLANs are in `vlans.py`."""

from __future__ import annotations

from itertools import product
from typing import Any

from ..case import (
    ADD,
    CHECK,
    DEL,
    GC,
    NETNS_GONE,
    OTHERS_LEASE,
    POD_MAC,
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
KIND = "bridge"
V4, V6 = "10.1.2.0/24", "fd01:2::/64"
OTHER = "02:00:00:00:00:3{}"
IPAM: dict[str, dict[str, Any] | None] = {
    "layer 2": None,
    "ipv4": host_local(V4),
    "ipv6": host_local(V6),
    "dual": host_local(V4, V6),
}


def add(name: str, *, version: str = "1.0.0", setup: str = "", steps: tuple[Any, ...] = (), **more: Any) -> None:
    of_case = {key: more.pop(key) for key in ("variables", "crossed", "noisy", "sandboxes") if key in more}
    args = of_case.pop("variables", "")
    given = conf(KIND, version=version, **{"bridge": "br0", **more})
    CASES.add(name, KIND, given, setup=setup, steps=steps, args=args, **of_case)


GATEWAYS: dict[str, dict[str, Any]] = {
    "no gateway": {},
    "gateway": {"isGateway": True},
    "default gateway": {"isDefaultGateway": True},
}
for (title, ipam), (what, keys) in product(IPAM.items(), GATEWAYS.items()):
    add(f"{title}, {what}", ipam=ipam, **keys)
OPTIONS: dict[str, dict[str, Any]] = {
    "mtu": {"mtu": 1400},
    "hairpinMode": {"hairpinMode": True},
    "promiscMode": {"promiscMode": True},
    "portIsolation": {"portIsolation": True},
    "enabledad": {"enabledad": True},
    "macspoofchk": {"macspoofchk": True},
    "all that go together": {"mtu": 1400, "hairpinMode": True, "portIsolation": True, "macspoofchk": True},
}
for (title, keys), addresses in product(OPTIONS.items(), ("layer 2", "dual")):
    add(f"{title}, {addresses}", ipam=IPAM[addresses], **keys)
for backend, title, many in product((None, "iptables", "nftables"), ("ipv4", "dual"), (False, True)):
    keys = {"ipMasq": True, "ipMasqBackend": backend, "isDefaultGateway": True, "ipam": IPAM[title]}
    if not many:
        add(f"ipMasq {backend}, {title}", **keys)
    elif title == "ipv4" and backend:
        two = (ADD, verb("ADD", ifname="eth1"), DEL, verb("DEL", ifname="eth1"))
        add(f"ipMasq {backend}, two interfaces", **keys, steps=two)
        pods = (
            ADD,
            verb("ADD", cid="other", netns="/run/netns/other"),
            DEL,
            verb("DEL", cid="other", netns="/run/netns/other"),
        )
        add(f"ipMasq {backend}, two pods", **keys, steps=pods, sandboxes=("pod", "other"))
add("ipMasq without a gateway", ipMasq=True, ipam=IPAM["ipv4"])
add("ipMasq, layer 2", ipMasq=True)
add("ipMasqBackend bogus", ipMasq=True, ipMasqBackend="foo", ipam=IPAM["ipv4"], crossed=False)
add("ipMasqBackend bogus, no ipMasq", ipMasqBackend="foo", ipam=IPAM["ipv4"])
for backend in ("iptables", "nftables"):
    masked = {"ipMasq": True, "ipMasqBackend": backend, "isGateway": True, "ipam": IPAM["dual"]}
    add(f"namespace gone, ipMasq {backend}", **masked, steps=(ADD, NETNS_GONE, DEL, DEL))
    add(f"no namespace told, ipMasq {backend}", **masked, steps=(ADD, verb("DEL", netns=""), DEL))
    add(f"interface gone, ipMasq {backend}", **masked, steps=(ADD, command("ip -n pod link delete eth0"), DEL))
ROUTED: dict[str, dict[str, Any]] = {
    "a route": {"routes": [{"dst": "10.9.0.0/16"}]},
    "a default route": {"routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.9"}]},
    "a default route without a gateway": {"routes": [{"dst": "0.0.0.0/0"}]},
    "a table": {"routes": [{"dst": "10.9.0.0/16", "gw": "10.1.2.9", "table": 77, "priority": 9}]},
    "mtu and advmss": {"routes": [{"dst": "10.9.0.0/16", "mtu": 1400, "advmss": 1360}]},
}
for (title, routes), gateway in product(ROUTED.items(), ({}, {"isDefaultGateway": True})):
    refused = title.endswith("without a gateway") and bool(gateway)
    add(
        f"{title}{', default gateway' if gateway else ''}",
        ipam=host_local(V4, **routes),
        **gateway,
        crossed=not refused,
    )
for version, title in product(("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.1.0", ""), ("layer 2", "dual")):
    add(
        f"version {version or 'none'}, {title}",
        version=version,
        ipam=IPAM[title],
        isDefaultGateway=True,
        crossed=title != "layer 2" or version in ("0.3.0", "0.3.1", "0.4.0", "1.1.0"),
    )
MACS: dict[str, dict[str, Any]] = {
    "runtime": {"runtimeConfig": {"mac": POD_MAC}},
    "args": {"args": {"cni": {"mac": POD_MAC}}},
    "variable": {"variables": "MAC=" + POD_MAC},
    "all different": {
        "runtimeConfig": {"mac": OTHER.format(1)},
        "args": {"cni": {"mac": OTHER.format(2)}},
        "variables": "MAC=" + OTHER.format(3),
    },
    "args and variable": {"args": {"cni": {"mac": OTHER.format(2)}}, "variables": "MAC=" + OTHER.format(3)},
    "not one": {"args": {"cni": {"mac": "zz"}}},
    "not one in the variable": {"variables": "MAC=zz"},
    "upper case": {"runtimeConfig": {"mac": "02:00:00:00:00:AB"}},
    "multicast": {"runtimeConfig": {"mac": "03:00:00:00:00:01"}},
}
for title, more in MACS.items():
    add(f"mac: {title}", **more, crossed=not title.startswith(("not", "multicast")))
add("mac in the variables and host-local", variables="MAC=" + POD_MAC, ipam=IPAM["ipv4"], crossed=False)
add("mac in the variables and host-local, IgnoreUnknown", variables="IgnoreUnknown=1;MAC=" + POD_MAC, ipam=IPAM["ipv4"])
BAD: dict[str, dict[str, Any]] = {
    "hairpinMode and promiscMode": {"hairpinMode": True, "promiscMode": True},
    "vlan 4095": {"vlan": 4095},
    "vlan -1": {"vlan": -1},
    "trunk without a first": {"vlanTrunk": [{"maxID": 5}]},
    "trunk without a last": {"vlanTrunk": [{"minID": 5}]},
    "trunk of nothing": {"vlanTrunk": [{"minID": 9, "maxID": 5}]},
    "trunk of 0": {"vlanTrunk": [{"id": 0}]},
    "trunk of 4095": {"vlanTrunk": [{"id": 4095}]},
    "no interface and ipam": {"disableContainerInterface": True, "ipam": IPAM["ipv4"]},
    "bridge of no name": {"bridge": ""},
    "bridge of a long name": {"bridge": "a-name-of-17-here"},
    "mtu of another type": {"mtu": "1400"},
    "unknown variable": {"variables": "FOO=1"},
}
for title, more in BAD.items():
    add(f"refused: {title}", **more, crossed=False)
add("disableContainerInterface", disableContainerInterface=True)
add("bridge of the default name", bridge=None, ipam=IPAM["ipv4"], isGateway=True)
add("mtu -1", mtu=-1)
add("mtu 70000", mtu=70000, crossed=False)
BRIDGE = "ip link add br0 address 02:00:00:00:00:50 type bridge; ip link set br0 up mtu 1450\n"
for title in ("layer 2", "dual"):
    add(f"bridge there already, {title}", setup=BRIDGE, ipam=IPAM[title], isGateway=True, mtu=1300)
add("bridge there already, promiscuous", setup=BRIDGE + "ip link set br0 promisc on\n")
add("bridge there already, down", setup=BRIDGE + "ip link set br0 down\n", ipam=IPAM["ipv4"])
NO_BRIDGE = "ip link add br0 type veth peer name br0-peer\n"
add("no bridge of that name", setup=NO_BRIDGE, ipam=IPAM["ipv4"], steps=(ADD, DEL, DEL), crossed=False)
ADDRESSED = BRIDGE + "ip addr add {} dev br0\n"
for title, address in (
    ("another subnet", "10.7.7.1/24"),
    ("the gateway's", "10.1.2.1/24"),
    ("of the subnet", "10.1.2.77/24"),
    ("wider", "10.1.0.1/16"),
    ("ipv6 of another", "fd09::1/64"),
    ("ipv6 of the subnet", "fd01:2::77/64"),
):
    for force in (False, True):
        refused = not force and title in ("another subnet", "of the subnet", "wider", "ipv6 of the subnet")
        add(
            f"address there: {title}{', forceAddress' if force else ''}",
            setup=ADDRESSED.format(address),
            isGateway=True,
            forceAddress=force,
            ipam=IPAM["dual"],
            steps=(ADD, DEL, DEL) if refused else (),
            crossed=not refused,
        )
PORTLESS = """
ip link add br0 type bridge; ip link set br0 up
ip link add port type veth peer name port-peer; ip link set port master br0; ip link delete port
"""
add(
    "bridge that has lost its ports",
    ipam=IPAM["ipv4"],
    isGateway=True,
    setup=PORTLESS,
    steps=(ADD, ADD, DEL),
    crossed=False,
)
for title in ("layer 2", "ipv4"):
    ipam = IPAM[title]
    add(
        f"name taken, {title}",
        ipam=ipam,
        setup=TAKEN,
        steps=TAKEN_FIRST,
        crossed=False,
    )
    add(f"added twice, {title}", ipam=ipam, steps=(ADD, ADD, DEL, DEL), crossed=False)
    add(f"namespace gone, {title}", ipam=ipam, steps=(ADD, NETNS_GONE, DEL, DEL))
    add(f"no namespace told, {title}", ipam=ipam, steps=(ADD, verb("DEL", netns=""), DEL))
    none = "/run/netns/none"
    add(
        f"no such namespace, {title}",
        ipam=ipam,
        steps=(verb("ADD", netns=none), verb("DEL", netns=none)),
        crossed=False,
    )
    add(
        f"two interfaces, {title}",
        ipam=ipam,
        setup=BRIDGE,
        steps=(ADD, verb("ADD", ifname="eth1"), verb("DEL", ifname="eth1"), DEL),
    )
    add(f"bridge gone, {title}", ipam=ipam, steps=(ADD, command("ip link delete br0"), CHECK, DEL))
    add(f"status and collection, {title}", version="1.1.0", ipam=ipam, steps=(ADD, GC, DEL, STATUS))
add(
    "deleted with other settings",
    ipam=IPAM["ipv4"],
    steps=(ADD, verb("DEL", conf=conf(KIND, vlan=4095, ipam=IPAM["ipv4"]))),
)
add("namespace gone, macspoofchk", macspoofchk=True, steps=(ADD, NETNS_GONE, DEL, DEL))
add("no namespace told, macspoofchk", macspoofchk=True, steps=(ADD, verb("DEL", netns=""), DEL))
add(
    "macspoofchk of two",
    macspoofchk=True,
    setup=BRIDGE,
    steps=(ADD, verb("ADD", ifname="eth1"), DEL, verb("DEL", ifname="eth1")),
)
add(
    "no address left",
    setup=OTHERS_LEASE,
    ipam=host_local("10.1.2.0/30"),
    macspoofchk=True,
    steps=(ADD, DEL, DEL),
    crossed=False,
)
add("no such ipam", ipam={"type": "none"}, steps=(ADD, DEL), crossed=False)
add("ipam gives nothing", ipam={"type": "static"}, steps=(ADD, DEL), crossed=False)
add(
    "address without a gateway",
    ipam={"type": "static", "addresses": [{"address": "10.1.2.5/24"}]},
    isDefaultGateway=True,
)
add("two addresses of a family", ipam=static("10.1.2.5/24", "10.1.3.5/24"), crossed=False, isGateway=True)
add(
    "two addresses of a family, forceAddress",
    ipam=static("10.1.2.5/24", "10.1.3.5/24"),
    isGateway=True,
    forceAddress=True,
)
DNS = {"nameservers": ["10.1.1.1"], "search": ["x.example"]}
for title, dns in (
    ("of the network", DNS),
    ("that is empty", {}),
    ("of a domain", {"domain": "y.example"}),
    ("of the ipam", None),
):
    add(f"dns {title}", ipam=static("10.1.2.5/24", dns={"nameservers": ["10.7.7.7"], "options": ["rotate"]}), dns=dns)
for title in ("ipv6", "dual"):
    add(f"noisy, {title}", ipam=IPAM[title], isDefaultGateway=True, noisy=True)
    add(f"noisy, enabledad, {title}", ipam=IPAM[title], isDefaultGateway=True, enabledad=True, noisy=True)
CHANGES = {
    "down": "ip -n pod link set eth0 down",
    "another mac": "ip -n pod link set eth0 address 02:00:00:00:00:77",
    "no address": "ip -n pod addr flush dev eth0",
    "no route": "ip -n pod route flush table main",
    "gone": "ip -n pod link delete eth0",
    "bridge promiscuous": "ip link set br0 promisc on",
    "not a port": "ip link set $(ls /sys/class/net/br0/brif) nomaster",
    "another bridge mac": "ip link set br0 address 02:00:00:00:00:78",
}
for title, change in CHANGES.items():
    add(f"check: {title}", ipam=IPAM["ipv4"], setup=BRIDGE, steps=(ADD, command(change), CHECK, DEL), crossed=False)
