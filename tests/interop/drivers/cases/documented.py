"""Every example of a configuration in the plugins' public documentation, as it is written there and as it is meant.

What is left out there, since it is about something else, is put in: name, type, version, what was before.  Interfaces
of the node are called as there.
"""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, GC, POD_MAC, STATUS, Cases, verb

CASES = Cases()
NET = {"cniVersion": "0.3.1", "name": "mynet"}
OLD = {"name": "mynet"}
"""Without a version, which is 0.1.0."""
DNS = {"nameservers": ["10.1.1.1", "8.8.8.8"]}
ETH0 = "ip link add eth0 up type veth peer name eth0-wire; ip link set eth0-wire up\n"
IN_POD = "net1"
OF_NET1 = tuple(verb(name, ifname=IN_POD) for name in ("ADD", "DEL", "DEL"))
ADD_DEL = (ADD, DEL, DEL)


def add(title: str, given: dict[str, Any] | str, kind: str = "", **more: Any) -> None:
    kind = kind or (given["type"] if isinstance(given, dict) else kind)
    CASES.add(f"documented: {title}", kind, given, **more)


def bridge(**more: Any) -> dict[str, Any]:
    return {**NET, "type": "bridge", "bridge": "mynet0", **more}


add(
    "a gateway",
    bridge(
        isDefaultGateway=True,
        forceAddress=False,
        ipMasq=True,
        hairpinMode=True,
        ipam={"type": "host-local", "subnet": "10.10.0.0/16"},
    ),
)
add("layer 2", bridge(ipam={}))
for args in ("MAC=c2:11:22:33:44:55", "IgnoreUnknown=true;MAC=c2:11:22:33:44:55"):
    add(f"layer 2, {args}", bridge(ipam={}), args=args)
add("the interface down", bridge(disableContainerInterface=True))
# there, a text stands where a truth value is meant, and a comma too many
DOWN = '{"cniVersion": "0.3.1", "name": "mynet", "type": "bridge", "bridge": "mynet0", "disableContainerInterface": '
add("the interface down, a text", DOWN + '"true"}', "bridge", steps=ADD_DEL, crossed=False)
add("the interface down, a comma", DOWN + '"true",}', "bridge", steps=(ADD, DEL), crossed=False)
add("vlan", bridge(vlan=100, preserveDefaultVlan=False, ipam={}), vm=True)
TRUNK: list[dict[str, int]] = [{"id": 101}, {"minID": 200, "maxID": 299}]
add("trunk", bridge(vlanTrunk=TRUNK, ipam={}), vm=True)
add("trunk and vlan", bridge(vlan=100, vlanTrunk=TRUNK, ipam={}), vm=True)
ROUTED = {"type": "host-local", "subnet": "10.22.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}
FIRST = {"cniVersion": "0.2.0", "name": "mynet", "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True}
add("the first network", {**FIRST, "ipam": ROUTED})
add("the first loopback", {"cniVersion": "0.2.0", "name": "lo", "type": "loopback"})
OF_DB = {"type": "host-local", "subnet": "10.1.0.0/16", "gateway": "10.1.0.1", "routes": [{"dst": "0.0.0.0/0"}]}
DB = {"cniVersion": "1.1.0", "name": "dbnet", "type": "bridge", "bridge": "cni0", "dns": {"nameservers": ["10.1.0.1"]}}
add("a database", {**DB, "ipam": OF_DB}, steps=(ADD, CHECK, GC, DEL, STATUS))

DEVICE = "ip link add enp0s1 address 02:00:00:00:00:60 type veth peer name enp0s1-wire\n"
add("an interface", {**NET, "type": "host-device", "device": "enp0s1"}, setup=DEVICE, steps=(ADD, DEL))
ABSENT = {**NET, "type": "host-device", "pciBusID": "0000:3d:00.1"}
add("a function that is not there", ABSENT, steps=(ADD, DEL), crossed=False)

SUBNET = {"type": "host-local", "subnet": "10.1.2.0/24"}
LOWER = {**OLD, "master": "eth0", "linkInContainer": False}
add("on an interface", {**LOWER, "type": "ipvlan", "ipam": SUBNET}, setup=ETH0, steps=OF_NET1, vm=True)
add("by DHCP, without its plugin", {**LOWER, "type": "macvlan", "ipam": {"type": "dhcp"}}, setup=ETH0,
    steps=OF_NET1, crossed=False)  # fmt: skip
add("by host-local", {**LOWER, "type": "macvlan", "ipam": SUBNET}, setup=ETH0, steps=OF_NET1)
NUMBERED = {**NET, "type": "vlan", "master": "eth0", "mtu": 1500, "vlanId": 5, "linkInContainer": False, "dns": DNS}
add("on an interface", {**NUMBERED, "ipam": {"type": "host-local", "subnet": "10.1.1.0/24"}}, setup=ETH0,
    steps=OF_NET1, vm=True)  # fmt: skip
add("an address", {**OLD, "type": "dummy", "ipam": SUBNET}, steps=ADD_DEL, vm=True)
add("one pod", {**OLD, "type": "ptp", "ipam": {"type": "host-local", "subnet": "10.1.1.0/24"}, "dns": DNS},
    steps=ADD_DEL)  # fmt: skip
add("before bandwidth", {**NET, "type": "ptp", "ipMasq": True, "mtu": 512, "dns": DNS,
                         "ipam": {"type": "host-local", "subnet": "10.0.0.0/24"}})  # fmt: skip


def ipam(title: str, given: dict[str, Any], more: dict[str, Any] | None = None, **case: Any) -> None:
    conf = {"cniVersion": "0.3.1", "name": "examplenet", **(more or {}), "ipam": given}
    CASES.add(f"documented: {title}", given["type"], conf, ipam=True, **case)


V4_PART = {"subnet": "10.10.0.0/16", "rangeStart": "10.10.1.20", "rangeEnd": "10.10.3.50", "gateway": "10.10.0.254"}
V6_PART = {
    "subnet": "3ffe:ffff:0:01ff::/64",
    "rangeStart": "3ffe:ffff:0:01ff::0010",
    "rangeEnd": "3ffe:ffff:0:01ff::0020",
}
HOST_BITS = {"dst": "3ffe:ffff:0:01ff::1/64"}
THREE = [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.10.5.1"}, HOST_BITS]
ipam("two addresses", {"type": "host-local", "ranges": [[V4_PART, {"subnet": "172.16.5.0/24"}], [V6_PART]],
                       "routes": THREE, "dataDir": "/run/data/my-orchestrator/container-ipam-state"})  # fmt: skip
ipam("one range of old", {"type": "host-local", **V6_PART, "routes": [HOST_BITS], "resolvConf": "/run/resolv.conf"},
     setup="printf 'nameserver 10.1.1.1\\nsearch x.example\\n' >/run/resolv.conf\n")  # fmt: skip
LINE = [[{"subnet": "203.0.113.0/24"}], [{"subnet": "2001:db8:1::/64"}]]
ipam("on the command line", {"type": "host-local", "ranges": LINE, "dataDir": "/run/data/cni-example"},
     steps=tuple(verb(name, cid="example", ifname="dummy0") for name in ("ADD", "DEL", "DEL")))  # fmt: skip
ipam("ranges of the runtime", {"type": "host-local"}, {"runtimeConfig": {"ipRanges": LINE}})
ipam("addresses of the runtime", {"type": "host-local", "ranges": LINE},
     {"runtimeConfig": {"ips": ["203.0.113.20", "2001:db8:1::20"]}})  # fmt: skip
FIXED = [
    {"address": "10.10.0.1/24", "gateway": "10.10.0.254"},
    {"address": "3ffe:ffff:0:01ff::1/64", "gateway": "3ffe:ffff:0::1"},
]
RESOLVER = {"nameservers": ["8.8.8.8"], "domain": "example.com", "search": ["example.com"]}
ipam("two addresses", {"type": "static", "addresses": FIXED, "routes": THREE, "dns": RESOLVER})
ipam("IP and GATEWAY", {"type": "static"}, args="IP=10.10.0.1/24;GATEWAY=10.10.0.254")
ipam("addresses of the runtime", {"type": "static"}, {"runtimeConfig": {"ips": ["10.10.0.1/24"]}})

MADE = f"""
ip link add host1 up type veth peer name net1 netns pod address {POD_MAC}
ip -n pod link set net1 up; ip -n pod addr add 192.168.1.209/24 dev net1
"""


def behind(**more: Any) -> dict[str, Any]:
    """What the plugin before it says of net1."""
    ips = [{"version": "4", "address": "192.168.1.209/24", "gateway": "192.168.1.1", "interface": 0}]
    interfaces = [{"name": IN_POD, "mac": POD_MAC, "sandbox": "/run/netns/pod"}]
    return {"prevResult": {"cniVersion": "0.3.1", "interfaces": interfaces, "ips": ips}, **more}


add("behind another", {**NET, "type": "sbr", **behind()}, setup=MADE, steps=OF_NET1)
TUNED = {**NET, "type": "tuning", **behind()}
SYSCTLS = {"net.core.somaxconn": "500", "net.ipv4.conf.IFNAME.arp_filter": "1"}
add("parameters", {**TUNED, "sysctl": SYSCTLS}, setup=MADE, steps=OF_NET1)
ATTRIBUTES = {"mac": "c2:b0:57:49:47:f1", "mtu": 1454, "promisc": True, "allmulti": True}
add("attributes", {**TUNED, **ATTRIBUTES}, setup=MADE, steps=OF_NET1)
add("a MAC by CNI_ARGS", {**TUNED, **ATTRIBUTES}, setup=MADE, steps=OF_NET1,
    args="IgnoreUnknown=true;MAC=c2:11:22:33:44:55")  # fmt: skip
for title, keys in (("parameters", {"sysctl": SYSCTLS}), ("attributes", ATTRIBUTES)):
    add(f"{title}, first of all", {"name": "mytuning", "type": "tuning", **keys}, setup=MADE, steps=OF_NET1,
        crossed=False)  # fmt: skip
add("blue", {**NET, "type": "vrf", "vrfname": "blue", **behind()}, setup=MADE, steps=OF_NET1, vm=True)
