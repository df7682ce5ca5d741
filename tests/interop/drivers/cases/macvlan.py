"""Cases of `macvlan`: plugins spec section 18, cases 41 to 49 and 69 to 71."""

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
KIND = "macvlan"
IPAM: dict[str, dict[str, Any] | None] = {
    "layer 2": None,
    "host-local": host_local("10.1.2.0/24", routes=[{"dst": "0.0.0.0/0"}]),
    "dual": host_local("10.1.2.0/24", "fd01:2::/64", routes=[{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]),
    "static": static("10.1.2.5/24", routes=[{"dst": "10.9.0.0/16", "gw": "10.1.2.9"}, {"dst": "10.8.0.0/16"}]),
}


def add(name: str, *, version: str = "1.0.0", setup: str = NIC, steps: tuple[Any, ...] = (), **more: Any) -> None:
    of_case = {key: more.pop(key) for key in ("args", "crossed", "noisy", "vm", "sandboxes") if key in more}
    given = {"master": "nic0", **more}
    CASES.add(name, KIND, conf(KIND, version=version, **given), setup=setup, steps=steps, **of_case)


for (title, ipam), mode, (mtu, mac) in product(
    IPAM.items(), (None, "private", "vepa", "bridge", "passthru"), ((None, None), (1300, POD_MAC))
):
    if mode in (None, "vepa") or ipam is None:
        add(f"{title}, mode {mode}{', mtu and mac' if mtu else ''}", ipam=ipam, mode=mode, mtu=mtu, mac=mac)
for version, title in product(("0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.1.0", ""), ("layer 2", "dual")):
    add(
        f"version {version or 'none'}, {title}",
        version=version,
        ipam=IPAM[title],
        crossed=title != "layer 2" or version in ("0.3.0", "0.3.1", "0.4.0", "1.1.0"),
    )
add("the default route's master", master=None, setup=DEFAULT, ipam=IPAM["host-local"])
add("the default route's master, empty", master="", setup=DEFAULT)
add("no default route", master=None, crossed=False)
add("no such master", master="none0", ipam=IPAM["host-local"], crossed=False)
add("unknown mode", mode="x", ipam=IPAM["host-local"], crossed=False)
for mtu in (0, 68, 1500, 1501, -1, 9000, "1400"):
    add(f"mtu {mtu!r}", mtu=mtu, crossed=mtu in (0, 68, 1500))
for queue in (0, 1, 5000, -1):
    add(f"bcqueuelen {queue}", bcqueuelen=queue, crossed=queue >= 0)
OTHER = "02:00:00:00:00:3{}"
MACS: dict[str, dict[str, Any]] = {
    "key": {"mac": POD_MAC},
    "upper case": {"mac": "02:00:00:00:00:AB"},
    "with dashes": {"mac": "02-00-00-00-00-ab"},
    "runtime": {"runtimeConfig": {"mac": OTHER.format(1)}, "mac": POD_MAC},
    "variable": {"args": "IgnoreUnknown=1;MAC=" + OTHER.format(2), "mac": POD_MAC},
    "variable and runtime": {"args": "MAC=" + OTHER.format(2), "runtimeConfig": {"mac": OTHER.format(1)}},
    "not one": {"mac": "zz"},
    "not one in the variable": {"args": "MAC=zz"},
    "too long": {"mac": "02:00:00:00:00:00:00:01"},
    "multicast": {"mac": "03:00:00:00:00:01"},
}
for title, more in MACS.items():
    add(f"mac: {title}", crossed=not title.startswith(("not", "too", "multi")), **more)
add("mac in the variables and host-local", args="MAC=" + POD_MAC, ipam=IPAM["host-local"], crossed=False)
INSIDE = (
    "ip link add nic1 address 02:00:00:00:00:40 netns pod type veth peer name nic1-wire; ip link set nic1-wire up\n"
)
UP = "ip -n pod link set nic1 up\n"
for title in ("layer 2", "host-local"):
    add(f"link in the container, {title}", master="nic1", linkInContainer=True, setup=INSIDE + UP, ipam=IPAM[title])
add(
    "link in the container, its default route",
    master=None,
    linkInContainer=True,
    ipam=IPAM["static"],
    setup=INSIDE + UP + "ip -n pod addr add 192.0.2.7/24 dev nic1; ip -n pod route add default via 192.0.2.1",
)
add("link in the container, on the node", master="nic0", linkInContainer=True, crossed=False)
add("name taken", setup=NIC + TAKEN, steps=TAKEN_FIRST, crossed=False)
add("name taken, host-local", setup=NIC + TAKEN, ipam=IPAM["host-local"], steps=TAKEN_FIRST, crossed=False)
add("added twice", ipam=IPAM["host-local"], steps=(ADD, ADD, DEL, DEL), crossed=False)
FULL = host_local("10.1.2.0/30")
add("no address left", ipam=FULL, setup=NIC + OTHERS_LEASE, steps=(ADD, DEL, DEL), crossed=False)
add("no such ipam", ipam={"type": "none"}, steps=(ADD, DEL), crossed=False)
add("ipam gives nothing", ipam={"type": "static"}, steps=(ADD, DEL), crossed=False)
add(
    "address twice",
    ipam={"type": "static", "addresses": [{"address": "10.1.2.5/24"}] * 2},
    steps=(ADD, DEL, DEL),
    crossed=False,
)
ROUTES: dict[str, list[dict[str, Any]]] = {
    "table, priority, scope": [
        {"dst": "10.9.0.0/16", "gw": "10.1.2.9", "table": 77, "priority": 9},
        {"dst": "10.8.0.0/16", "scope": 253},
        {"dst": "10.7.0.0/16", "table": 0},
    ],
    "mtu and advmss": [{"dst": "10.9.0.0/16", "mtu": 1400, "advmss": 1360}],
    "two gateways": [{"dst": "10.9.0.0/16", "gw": "10.1.2.8"}, {"dst": "10.9.0.0/16", "gw": "10.1.2.9"}],
    "two gateways, ipv6": [{"dst": "fd09::/64", "gw": "fd01:2::8"}, {"dst": "fd09::/64", "gw": "fd01:2::9"}],
    "twice": [{"dst": "10.9.0.0/16"}, {"dst": "10.9.0.0/16"}],
    "gateway out of reach": [{"dst": "10.9.0.0/16", "gw": "10.99.9.9"}],
    "host bits": [{"dst": "10.9.1.2/16"}],
    "its own network": [{"dst": "10.1.2.0/24", "priority": 7}],
}
for title, routes in ROUTES.items():
    refused = title in ("twice", "gateway out of reach", "table, priority, scope", "host bits")  # by the plugin
    add(f"routes: {title}", ipam=static("10.1.2.5/24", "fd01:2::5/64", routes=routes), crossed=not refused)
add(
    "routes without a gateway",
    ipam={
        "type": "static",
        "addresses": [{"address": "10.1.2.5/24"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16"}],
    },
)
for title, address in (("gateway", "fd01:2::5/64"), ("no gateway", None)):
    ipam = static(address) if address else {"type": "static", "addresses": [{"address": "fd01:2::5/64"}]}
    add(f"duplicate address detection, {title}", ipam=ipam, noisy=True)
for prefix in ("10.1.2.5/32", "10.1.2.5/31", "10.1.2.5/30", "fd01:2::5/128"):
    add(f"address {prefix}", ipam={"type": "static", "addresses": [{"address": prefix}]})
add(
    "ipv6 switched off",
    ipam=static("fd01:2::5/64"),
    setup=NIC
    + "ip netns exec pod sh -c 'for of in all default; do echo 1 >/proc/sys/net/ipv6/conf/$of/disable_ipv6; done'",
)
DNS = {"nameservers": ["10.1.1.1"], "search": ["x.example"]}
add("dns of both", ipam=static("10.1.2.5/24", dns={"nameservers": ["10.7.7.7"]}), dns=DNS)
add("dns of the ipam", ipam=static("10.1.2.5/24", dns={"nameservers": ["10.7.7.7"]}))
add("dns of the network, layer 2", dns=DNS)
for title in ("layer 2", "host-local"):
    ipam = IPAM[title]
    add(f"namespace gone, {title}", ipam=ipam, steps=(ADD, NETNS_GONE, DEL, DEL))
    add(f"no namespace told, {title}", ipam=ipam, steps=(ADD, verb("DEL", netns=""), DEL))
    add(f"master gone, {title}", ipam=ipam, steps=(ADD, command("ip link delete nic0"), CHECK, DEL))
    add(
        f"changed settings, {title}",
        ipam=ipam,
        steps=(ADD, verb("DEL", conf=conf(KIND, master="none0", mode="x", mtu=99999, ipam=ipam))),
    )
    add(
        f"no such namespace, {title}",
        ipam=ipam,
        steps=(verb("ADD", netns="/run/netns/none"), verb("DEL", netns="/run/netns/none")),
        crossed=False,
    )
    add(
        f"two attachments, {title}",
        ipam=ipam,
        steps=(ADD, verb("ADD", ifname="eth1"), verb("DEL", ifname="eth1"), CHECK, DEL),
    )
    add(f"status and collection, {title}", version="1.1.0", ipam=ipam, steps=(STATUS, ADD, GC, CHECK, DEL))
CHANGES = {
    "down": "ip -n pod link set eth0 down",
    "another mac": "ip -n pod link set eth0 address 02:00:00:00:00:77",
    "no address": "ip -n pod addr flush dev eth0",
    "no route": "ip -n pod route flush table main",
    "gone": "ip -n pod link delete eth0",
    "another mtu": "ip -n pod link set eth0 mtu 1200",
}
for title, change in CHANGES.items():
    add(f"check: {title}", ipam=IPAM["host-local"], steps=(ADD, command(change), CHECK, DEL), crossed=False)
add("check: another mode", mode="vepa", steps=(ADD, verb("CHECK", conf=conf(KIND, master="nic0", mode="bridge")), DEL))
add("check without a result", steps=(verb("CHECK"),), crossed=False)
CASES.add(
    "malformed",
    KIND,
    '{"cniVersion": "1.0.0", "name": "net1", "type": "macvlan", "master": 5}',
    setup=NIC,
    crossed=False,
)
