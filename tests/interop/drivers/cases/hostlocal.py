"""Cases of `host-local`, as a plugin asks it: plugins spec section 18, cases 71 and 73 to 78."""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, GC, STATUS, Cases, Step, command, conf, host_local, verb

CASES = Cases()
KIND = "host-local"
V4, V6, SMALL = "10.1.2.0/24", "fd01:2::/64", "10.1.3.0/29"


def add(
    name: str, ipam: dict[str, Any], *, version: str = "1.0.0", more: dict[str, Any] | None = None, **case: Any
) -> None:
    CASES.add(
        name, KIND, conf("macvlan", version=version, ipam={"type": KIND, **ipam}, **(more or {})), ipam=True, **case
    )


def adds(*cids: str) -> tuple[Step, ...]:
    return tuple(verb("ADD", cid=cid) for cid in cids)


def one(**more: Any) -> dict[str, Any]:
    """A single range set of a single range."""
    return {"ranges": [[{"subnet": V4, **more}]]}


ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.2.9", "mtu": 1400, "advmss": 1360, "priority": 5,
          "table": 0, "scope": 253}, {"dst": "fd09::/64", "gw": "fd01:2::9"}]  # fmt: skip
for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", ""):
    add(f"version {version or 'none'}", host_local(V4, V6, routes=ROUTES), version=version)
for version in ("0.2.0", "0.3.1", "1.0.0"):
    add(
        f"several of a family, version {version}",
        host_local(V4, SMALL, V6),
        version=version,
        crossed=version != "0.2.0",
    )
GOOD: dict[str, dict[str, Any]] = {
    "one range": one(),
    "part of a subnet": one(rangeStart="10.1.2.17", rangeEnd="10.1.2.19", gateway="10.1.2.254"),
    "gateway elsewhere": one(gateway="10.7.7.7"),
    "from the network's own to the broadcast address": {
        "ranges": [[{"subnet": SMALL, "rangeStart": "10.1.3.0", "rangeEnd": "10.1.3.7"}]]
    },
    "two addresses": {"ranges": [[{"subnet": "10.1.2.0/30"}]]},
    "ipv6 of four": {"ranges": [[{"subnet": "fd01:2::/126"}]]},
    "ipv6 spelled at length": {"ranges": [[{"subnet": "FD01:0002:0000::0/64", "rangeStart": "fd01:2:0:0::00A"}]]},
    "the single range of old": {"subnet": V4, "rangeStart": "10.1.2.9", "gateway": "10.1.2.3"},
    "old range and ranges": {"subnet": SMALL, **one()},
    "old keys without a subnet": {"rangeStart": "10.1.9.9", **one()},
    "two ranges of a set": {"ranges": [[{"subnet": V4, "rangeStart": "10.1.2.254"}, {"subnet": SMALL}]]},
    "dual stack": host_local(V4, V6),
    "a folder of its own": {**one(), "dataDir": "/run/data/addresses"},
    "a folder with dots": {**one(), "dataDir": "/run/data/../data/x/"},
}
for title, ipam in GOOD.items():
    add(title, ipam)
BAD: dict[str, dict[str, Any]] = {
    "no range": {},
    "ranges of nothing": {"ranges": []},
    "an empty set": {"ranges": [[]]},
    "no subnet": {"ranges": [[{"rangeStart": "10.1.2.3"}]]},
    "host bits": {"ranges": [[{"subnet": "10.1.2.3/24"}]]},
    "too small": {"ranges": [[{"subnet": "10.1.2.0/31"}]]},
    "no subnet at all": {"ranges": [[{"subnet": "zz"}]]},
    "a mapped subnet": {"ranges": [[{"subnet": "::ffff:10.1.2.0/120"}]]},
    "start elsewhere": one(rangeStart="10.1.9.1"),
    "end elsewhere": one(rangeEnd="10.1.9.1"),
    "end before start": one(rangeStart="10.1.2.9", rangeEnd="10.1.2.3"),
    "gateway that is none": one(gateway="there"),
    "families mixed": {"ranges": [[{"subnet": V4}, {"subnet": V6}]]},
    "overlap in a set": {"ranges": [[{"subnet": V4}, {"subnet": "10.1.2.128/25"}]]},
    "overlap of sets": host_local(V4, "10.1.2.128/25"),
    "ranges of another type": {"ranges": {"subnet": V4}},
    "a route that is none": {**one(), "routes": [{"dst": "there"}]},
    "no such resolv.conf": {**one(), "resolvConf": "/run/data/none"},
}
for title, ipam in BAD.items():
    add(title, ipam, crossed=False)
CASES.add("no ipam", KIND, conf("macvlan"), ipam=True, crossed=False)
CASES.add("ipam of another type", KIND, conf("macvlan", ipam={"type": "static"}), ipam=True, crossed=False)

TWO = {"ranges": [[{"subnet": "10.1.2.0/30"}, {"subnet": SMALL, "rangeEnd": "10.1.3.3"}]]}
add("round and round", TWO, steps=(*adds("a", "b", "c"), *adds("d"), verb("DEL", cid="b"), *adds("e"),
    verb("DEL", cid="a"), *adds("f", "g")))  # fmt: skip
add("freed ones last", one(rangeEnd="10.1.2.5"), steps=(*adds("a", "b"), verb("DEL", cid="a"), *adds("c", "d", "e")))
add("two interfaces", one(), steps=(ADD, verb("ADD", ifname="eth1"), verb("CHECK"), DEL,
    verb("CHECK", ifname="eth1"), CHECK, verb("DEL", ifname="eth1")))  # fmt: skip
add("again while added", one(), steps=(ADD, ADD, CHECK, DEL))
add("second set is full", host_local(V4, "10.1.3.0/30"), steps=(*adds("a", "b"), verb("CHECK", cid="b"),
    verb("DEL", cid="a"),
    verb("DEL", cid="b")))  # fmt: skip
add("check of nothing", one(), steps=(verb("CHECK"), DEL, verb("CHECK")), crossed=False)
for content, title in (("pod", "id alone"), ("pod\\n", "id and a newline"), ("pod\\r\\neth0\\n", "newline at the end"),
                       (" pod\\r\\neth0", "space in front"), ("other\\r\\neth0", "another's")):  # fmt: skip
    add(
        f"file of old: {title}",
        one(),
        steps=(CHECK, ADD, DEL, verb("DEL", cid="other")),
        crossed=False,
        setup=f"mkdir -p /var/lib/cni/networks/net1; printf '{content}' >/var/lib/cni/networks/net1/10.1.2.2",
    )
for content in ("10.1.2.7", "10.1.2.7\\n", "garbage", "10.9.9.9", "10.1.2.254", ""):
    add(
        f"last reserved {content!r}",
        one(),
        steps=(*adds("a", "b"),),
        setup=f"mkdir -p /var/lib/cni/networks/net1; printf '{content}' >/var/lib/cni/networks/net1/last_reserved_ip.0",
    )

# not two of one set: which of them the plugin takes, and which it misses, is chance there
WISHES: dict[str, dict[str, Any]] = {
    "by runtimeConfig": {"runtimeConfig": {"ips": ["10.1.2.77"]}},
    "by args": {"args": {"cni": {"ips": ["10.1.2.78/24"]}}},
    "the gateway": {"runtimeConfig": {"ips": ["10.1.2.1"]}},
    "foreign": {"runtimeConfig": {"ips": ["10.99.2.1"]}},
    "one of each family": {"runtimeConfig": {"ips": ["fd01:2::77", "10.1.2.77"]}},
    "no address": {"runtimeConfig": {"ips": ["there"]}},
    "none": {"runtimeConfig": {"ips": []}, "args": {"cni": {}}},
    "by args and runtimeConfig, same": {
        "runtimeConfig": {"ips": ["10.1.2.77"]},
        "args": {"cni": {"ips": ["10.1.2.77"]}},
    },
}
for title, more in WISHES.items():
    refused = title in ("the gateway", "foreign", "no address")
    add(f"wanted {title}", host_local(V4, V6), more=more, crossed=not refused)
for args in ("IP=10.1.2.99", "IP=10.1.2.99/16", "IP=10.1.2.1", "IP=zz", "ip=10.1.2.99", "FOO=1",
             "IgnoreUnknown=1;FOO=1",
             "IP=10.1.2.99;", "IP=", "IgnoreUnknown=true;IP=10.1.2.99;K8S_POD_NAME=x"):  # fmt: skip
    good = args in ("IP=10.1.2.99", "IP=10.1.2.99/16", "IP=") or args.startswith("IgnoreUnknown")
    add(f"CNI_ARGS {args}", one(), args=args, crossed=good, steps=(ADD,) if args.endswith(";") else ())
add("wanted twice", one(), more={"runtimeConfig": {"ips": ["10.1.2.77"]}}, steps=(*adds("a", "b"), verb("DEL", cid="a"),
    *adds("b")))  # fmt: skip
add("wanted after another", one(), steps=(ADD, verb("ADD", args="IP=10.1.2.50"), DEL))
add(
    "ranges of the runtime first",
    {"subnet": V4, "ranges": [[{"subnet": SMALL}]]},
    more={"runtimeConfig": {"ipRanges": [[{"subnet": V6}], [{"subnet": "10.8.0.0/16", "rangeStart": "10.8.3.3"}]]}},
)
add("ranges of the runtime only", {}, more={"runtimeConfig": {"ipRanges": [[{"subnet": V6}]]}})
RESOLV = (
    "nameserver 10.1.1.1 # one\nnameserver 10.1.1.2\ndomain a.example\ndomain b.example\nsearch x.example y.example\n"
    "search z.example\noptions ndots:5 rotate\noptions edns0\n; comment\n# comment\nnameserver\nbogus line\n"
)
add("resolv.conf", {**one(), "resolvConf": "/run/data/resolv.conf"},
    setup=f"mkdir -p /run/data; printf '{RESOLV}' >/run/data/resolv.conf")  # fmt: skip
add("status and collection", one(), version="1.1.0", steps=(ADD, STATUS, verb("ADD", cid="other"), GC))
add("the network's name is a path", one(), more={"name": "a.b-c_d"})
add("file of another network", one(), steps=(ADD, command("ls /var/lib/cni/networks/net1"), DEL))
