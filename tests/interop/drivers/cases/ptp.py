"""Cases of `ptp`: plugins spec section 18, cases 35 to 40."""

from __future__ import annotations

from itertools import product
from typing import Any

from ..case import (
    ADD,
    CHECK,
    DEL,
    GC,
    NETNS_GONE,
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
KIND = "ptp"
V4, V6 = "10.1.2.0/24", "fd01:2::/64"
IPAM: dict[str, dict[str, Any]] = {
    "ipv4": host_local(V4, routes=[{"dst": "0.0.0.0/0"}]),
    "ipv6": host_local(V6, routes=[{"dst": "::/0"}]),
    "dual": host_local(V4, V6, routes=[{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.9.0.0/16", "priority": 7}]),
    "no routes": host_local(V4, V6),
    "static": static("10.1.2.5/24", "10.1.3.5/24"),
}


def add(name: str, *, version: str = "1.0.0", setup: str = "", steps: tuple[Any, ...] = (), **more: Any) -> None:
    of_case = {key: more.pop(key) for key in ("args", "crossed", "noisy", "sandboxes") if key in more}
    CASES.add(name, KIND, conf(KIND, version=version, **more), setup=setup, steps=steps, **of_case)


for (title, ipam), mtu in product(IPAM.items(), (None, 1400)):
    add(f"{title}{', mtu' if mtu else ''}", ipam=ipam, mtu=mtu)
for backend, title in product((None, "iptables", "nftables"), ("ipv4", "dual")):
    keys = {"ipMasq": True, "ipMasqBackend": backend, "ipam": IPAM[title]}
    add(f"ipMasq {backend}, {title}", **keys)
    if title == "dual" and backend:
        add(f"namespace gone, ipMasq {backend}", **keys, steps=(ADD, NETNS_GONE, DEL, DEL))
        add(f"no namespace told, ipMasq {backend}", **keys, steps=(ADD, verb("DEL", netns=""), DEL))
        add(f"interface gone, ipMasq {backend}", **keys, steps=(ADD, command("ip -n pod link delete eth0"), DEL))
        pods = (
            ADD,
            verb("ADD", cid="other", netns="/run/netns/other"),
            DEL,
            verb("DEL", cid="other", netns="/run/netns/other"),
        )
        add(f"two pods, ipMasq {backend}", **keys, steps=pods, sandboxes=("pod", "other"))
add("ipMasqBackend bogus", ipMasq=True, ipMasqBackend="foo", ipam=IPAM["ipv4"], crossed=False)
for version, title in product(("0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.1.0", ""), ("ipv4", "no routes")):
    add(f"version {version or 'none'}, {title}", version=version, ipam=IPAM[title])
add(
    "no gateway",
    ipam={"type": "static", "addresses": [{"address": "10.1.2.5/24"}]},
    steps=(ADD, DEL, DEL),
    crossed=False,
)
add(
    "a /32",
    ipam={"type": "static", "addresses": [{"address": "10.1.2.5/32", "gateway": "10.1.2.1"}]},
    steps=(ADD, DEL, DEL),
    crossed=False,
)
add("no ipam", steps=(ADD, DEL), crossed=False)
add("no such ipam", ipam={"type": "none"}, steps=(ADD, DEL), crossed=False)
add("ipam gives nothing", ipam={"type": "static"}, steps=(ADD, DEL), crossed=False)
add("mtu of another type", ipam=IPAM["ipv4"], mtu="1400", crossed=False)
add("mtu 70000", ipam=IPAM["ipv4"], mtu=70000, steps=(ADD, DEL), crossed=False)
add("junk in the variables", ipam=static("10.1.2.5/24"), args="IgnoreUnknown=1;FOO=1;MAC=02:00:00:00:00:33")
ROUTES = {
    "a table": [{"dst": "10.9.0.0/16", "gw": "10.1.2.9", "table": 77, "priority": 9}],
    "mtu and advmss": [{"dst": "10.9.0.0/16", "mtu": 1400, "advmss": 1360}],
    "out of reach": [{"dst": "10.9.0.0/16", "gw": "10.99.9.9"}],
}
for title, routes in ROUTES.items():
    refused = title == "out of reach"
    steps = (ADD, DEL, DEL) if refused else ()
    add(f"routes: {title}", ipam=static("10.1.2.5/24", routes=routes), crossed=not refused, steps=steps)
DNS = {"nameservers": ["10.1.1.1"]}
for title, dns in (
    ("of the network", DNS),
    ("that is empty", {}),
    ("of a domain", {"domain": "y.example"}),
    ("of the ipam", None),
):
    add(f"dns {title}", ipam=static("10.1.2.5/24", dns={"nameservers": ["10.7.7.7"], "options": ["rotate"]}), dns=dns)
add("name taken", ipam=IPAM["ipv4"], setup=TAKEN, steps=TAKEN_FIRST, crossed=False)
add("added twice", ipam=IPAM["ipv4"], steps=(ADD, ADD, DEL, DEL), crossed=False)
add(
    "two interfaces",
    ipam=host_local(V4),
    steps=(ADD, verb("ADD", ifname="eth1"), verb("DEL", ifname="eth1"), DEL),
    crossed=False,
)
none = "/run/netns/none"
add("no such namespace", ipam=IPAM["ipv4"], steps=(verb("ADD", netns=none), verb("DEL", netns=none)), crossed=False)
add("namespace gone", ipam=IPAM["dual"], steps=(ADD, NETNS_GONE, DEL, DEL))
add("no namespace told", ipam=IPAM["dual"], steps=(ADD, verb("DEL", netns=""), DEL))
add("status and collection", version="1.1.0", ipam=IPAM["ipv4"], steps=(ADD, GC, DEL, STATUS))
for title in ("ipv6", "no routes"):
    add(f"noisy, {title}", ipam=IPAM[title], noisy=True)
CHANGES = {
    "down": "ip -n pod link set eth0 down",
    "another mac": "ip -n pod link set eth0 address 02:00:00:00:00:77",
    "no address": "ip -n pod addr flush dev eth0",
    "gone": "ip -n pod link delete eth0",
}
for title, change in CHANGES.items():
    add(f"check: {title}", ipam=IPAM["ipv4"], steps=(ADD, command(change), CHECK, DEL), crossed=False)
