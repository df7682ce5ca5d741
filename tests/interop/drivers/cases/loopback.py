"""Cases of `loopback`: plugins spec section 2."""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, GC, NETNS_GONE, STATUS, Cases, command, conf, verb

CASES = Cases()
KIND = "loopback"
PREVIOUS: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:20", "sandbox": "/run/netns/pod"}],
    "ips": [{"address": "10.1.2.5/24", "gateway": "10.1.2.1", "interface": 0}],
    "routes": [{"dst": "0.0.0.0/0"}],
    "dns": {"nameservers": ["10.1.1.1"]},
}


def add(name: str, *, version: str = "1.0.0", more: dict[str, Any] | None = None, **case: Any) -> None:
    CASES.add(name, KIND, conf(KIND, version=version, **(more or {})), **case)


for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", ""):
    add(f"version {version or 'none'}", version=version)
for version in ("0.4.0", "1.0.0", "1.1.0"):
    ips = [{"version": "4", **each} if version < "1" else each for each in PREVIOUS["ips"]]
    add(f"behind another, version {version}", version=version,
        more={"prevResult": PREVIOUS | {"cniVersion": version, "ips": ips}})  # fmt: skip
add("up already", setup="ip -n pod link set lo up")
add("added twice", steps=(ADD, ADD, CHECK, DEL))
add("another interface name", steps=(verb("ADD", ifname="lo"), verb("CHECK", ifname="lo"), verb("DEL", ifname="lo")))
add("check: down", steps=(ADD, command("ip -n pod link set lo down"), CHECK, DEL))
add("check without an addition", steps=(CHECK, DEL), crossed=False)
for title, address in (("ipv4", "10.1.2.3/32"), ("ipv6", "fd01::7/128"), ("loopback's", "127.0.0.9/8")):
    add(f"an address more, {title}", setup=f"ip -n pod addr add {address} dev lo", crossed=title[0] == "l")
add("namespace gone", steps=(ADD, NETNS_GONE, DEL, DEL))
add("no namespace told", steps=(ADD, verb("DEL", netns="")))
add("no such namespace", steps=(verb("ADD", netns="/run/netns/none"),), crossed=False)
add("a result that is none", more={"prevResult": {"cniVersion": "1.0.0", "ips": 7}}, crossed=False)
add("status and collection", version="1.1.0", steps=(ADD, GC, CHECK, DEL, STATUS))
