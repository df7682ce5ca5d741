"""Cases of `vrf`: plugins spec section 18, case 53; only what never gets as far as a VRF runs outside the machine."""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, GC, NETNS_GONE, STATUS, Cases, command, conf, verb

CASES = Cases()
KIND = "vrf"
LINKS = """
for number in 0 1; do
ip link add host$number up type veth peer name eth$number netns pod address 02:00:00:00:00:8$number
ip -n pod -batch - <<POD
link set eth$number up
addr add 10.1.$number.5/24 dev eth$number
addr add fd01:$number::5/64 dev eth$number
route add 10.9$number.0.0/16 via 10.1.$number.1 metric 7
route add fd09:$number::/64 via fd01:$number::1
POD
done
"""
"""In few programs: each takes a fifth of a second to start in the machine."""
PREVIOUS: dict[str, Any] = {
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:80", "sandbox": "/run/netns/pod"}],
    "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1", "interface": 0}],
}


def add(name: str, *, setup: str = LINKS, steps: tuple[Any, ...] = (), version: str = "1.0.0", **more: Any) -> None:
    crossed, here = more.pop("crossed", True), more.pop("here", False)
    given = conf(
        KIND, version=version, **{"vrfname": "blue", "prevResult": {**PREVIOUS, "cniVersion": version}, **more}
    )
    CASES.add(name, KIND, given, setup=setup, steps=steps, crossed=crossed, vm=not here)


add("a table of its own")
for table in (1, 77):
    add(f"table {table}", table=table)
add("table 254", table=254, crossed=False)
add("version 1.1.0", version="1.1.0", steps=(ADD, GC, CHECK, DEL, STATUS))
SECOND = {"ifname": "eth1"}
add("two interfaces", steps=(ADD, verb("ADD", **SECOND), verb("CHECK", **SECOND), DEL, verb("DEL", **SECOND)))
BLUE = "ip -n pod link add blue type vrf table {}; ip -n pod link set blue up\n"
add("there already", setup=LINKS + BLUE.format(77), table=77)
add("there already with another table", setup=LINKS + BLUE.format(7), table=77, crossed=False)
add("table of another", setup=LINKS + "ip -n pod link add red type vrf table 1\n")
add("no vrf of that name", setup=LINKS + "ip -n pod link add blue type veth peer name green\n", crossed=False)
add("a master already", setup=LINKS + "ip -n pod link add br0 type bridge; ip -n pod link set eth0 master br0\n",
    crossed=False)  # fmt: skip
add("interface gone", steps=(ADD, command("ip link delete host0"), DEL, DEL))
add("namespace gone", steps=(ADD, NETNS_GONE, DEL, DEL))
add("no namespace told", steps=(ADD, verb("DEL", netns=""), DEL))
add("no address", setup=LINKS + "ip -n pod addr flush dev eth0\n", crossed=False)
add("added twice", steps=(ADD, ADD, DEL), crossed=False)
add("check: out of it", steps=(ADD, command("ip -n pod link set eth0 nomaster"), CHECK, DEL), crossed=False)
add("no name", vrfname=None, crossed=False, here=True)
add("nothing before it", prevResult=None, steps=(ADD, CHECK, DEL), crossed=False, here=True)
add("no such interface", setup="", crossed=False, steps=(ADD, DEL), here=True)
add("table of another type", table="77", crossed=False, here=True)
