"""Cases of `tuning`: plugins spec section 18, cases 59 to 63."""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, GC, NETNS_GONE, STATUS, Cases, command, conf, verb

CASES = Cases()
KIND = "tuning"
FIRST_MAC = "02:00:00:00:00:21"
LINK = f"""
ip link add host1 type veth peer name eth0 netns pod address {FIRST_MAC}
ip link set host1 up; ip -n pod link set eth0 up
"""
OTHER = "02:00:00:00:00:3{}"


def previous(version: str = "1.0.0") -> dict[str, Any]:
    """What the plugin before it says: the pod's interface, and one with the same name on the node."""
    ips = [{"address": "10.1.2.5/24", "interface": 0, **({"version": "4"} if version < "1" else {})}]
    interfaces = [
        {"name": "eth0", "mac": FIRST_MAC, "sandbox": "/run/netns/pod"},
        {"name": "host1", "mac": OTHER.format(9)},
    ]
    if version < "0.3":
        return {"cniVersion": version, "ip4": {"ip": "10.1.2.5/24"}}
    return {"cniVersion": version, "interfaces": interfaces, "ips": ips}


def add(name: str, *, version: str = "1.0.0", setup: str = LINK, steps: tuple[Any, ...] = (), **more: Any) -> None:
    of_case = {key: more.pop(key) for key in ("variables", "crossed") if key in more}
    args = of_case.pop("variables", "")
    given = conf(KIND, version=version, **{"prevResult": previous(version), **more})
    CASES.add(name, KIND, given, setup=setup, steps=steps, args=args, **of_case)


SYSCTL = {"net.ipv4.conf.IFNAME.arp_filter": "1"}
KEYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sysctl": {"sysctl": SYSCTL},
    "mac": {"mac": OTHER.format(1)},
    "mac in upper case": {"mac": "02:00:00:00:00:AB"},
    "mtu": {"mtu": 1400},
    "mtu 0": {"mtu": 0},
    "promisc": {"promisc": True},
    "no promisc": {"promisc": False},
    "allmulti": {"allmulti": True},
    "no allmulti": {"allmulti": False},
    "txQLen": {"txQLen": 700},
    "txQLen 0": {"txQLen": 0},
    "all": {"sysctl": SYSCTL, "mac": OTHER.format(1), "mtu": 1400, "promisc": True, "allmulti": True, "txQLen": 700},
    "all, elsewhere": {"mac": OTHER.format(1), "mtu": 1400, "txQLen": 7, "dataDir": "/run/data/tuning/deep"},
    "args": {"args": {"cni": {"mac": OTHER.format(2), "mtu": 1300, "promisc": True, "allmulti": True, "txQLen": 5}}},
    "args over keys": {"mtu": 1400, "promisc": True, "args": {"cni": {"mtu": 1300, "promisc": False}}},
    "sysctls of both": {"sysctl": SYSCTL, "args": {"cni": {"sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1",
                                                                      "net.ipv4.conf.IFNAME.arp_filter": "0"}}}},
}  # fmt: skip
for title, more in KEYS.items():
    add(title, **more)
for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.1.0", ""):
    add(f"version {version or 'none'}", version=version, mtu=1400, mac=OTHER.format(1))
SYSCTLS: dict[str, dict[str, str]] = {
    "slashes": {"net/ipv4/conf/eth0/arp_filter": "1"},
    "interface by name": {"net.ipv4.conf.eth0.arp_filter": "1"},
    "of the namespace": {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"},
    "name twice in a key": {"net.ipv4.conf.IFNAME.IFNAME": "1"},
    "not of networks": {"kernel.shmmax": "1"},
    "out of the folder": {"net/../kernel/shmmax": "1"},
    "none there is": {"net.ipv4.conf.IFNAME.nonesuch": "1"},
    "a value that is refused": {"net.ipv4.conf.IFNAME.arp_filter": "x"},
    "an empty value": {"net.ipv4.conf.IFNAME.arp_filter": ""},
}
for title, values in SYSCTLS.items():
    add(
        f"sysctl: {title}",
        sysctl=values,
        crossed=title in ("slashes", "interface by name", "of the namespace", "an empty value"),
    )
add("sysctl: of another type", sysctl={"net.ipv4.conf.IFNAME.arp_filter": 1}, crossed=False)
ENDS = '"prevResult": {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}]}}'
CASES.add("sysctl: a key twice", KIND, '{"cniVersion": "1.0.0", "name": "net1", "type": "tuning", "sysctl": '
          '{"net.ipv4.conf.IFNAME.arp_filter": "1", "net.ipv4.conf.IFNAME.arp_filter": "0"}, ' + ENDS, setup=LINK,
          crossed=False)  # fmt: skip
add("sysctl: by args alone", args={"cni": {"sysctl": SYSCTL}}, steps=(ADD, CHECK, DEL), crossed=False)
DOTTED = "ip link add host1 type veth peer name eth0.7 netns pod; ip -n pod link set eth0.7 up\n"
add("sysctl: a name with a dot", sysctl=SYSCTL, setup=DOTTED,
    steps=(verb("ADD", ifname="eth0.7"), verb("CHECK", ifname="eth0.7"), verb("DEL", ifname="eth0.7")))  # fmt: skip
ALLOWED = LINK + "mkdir -p /etc/cni/tuning; printf '{}' >/etc/cni/tuning/allowlist.conf\n"
for title, lines in (("allowed", r"^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]*$\n"), ("forbidden", r"^net\\.ipv6\\.\n"),
                     ("anywhere in the key", r"\n\narp_f\n"), ("empty", ""), ("no regexp", "(\n")):  # fmt: skip
    good = title in ("allowed", "anywhere in the key")
    add(f"allowlist: {title}", sysctl=SYSCTL, setup=ALLOWED.format(lines), crossed=good)
MACS: dict[str, dict[str, Any]] = {
    "four": {"variables": "MAC=" + OTHER.format(3), "runtimeConfig": {"mac": OTHER.format(2)}, "mac": OTHER.format(4),
             "args": {"cni": {"mac": OTHER.format(1)}}},
    "three": {"variables": "MAC=" + OTHER.format(3), "runtimeConfig": {"mac": OTHER.format(2)}, "mac": OTHER.format(4)},
    "variable": {"variables": "MAC=" + OTHER.format(3), "mac": OTHER.format(4)},
    "variable of others": {"variables": "FOO=1;IgnoreUnknown=1;K8S_POD_NAME=x", "mac": OTHER.format(4)},
    "unknown variable": {"variables": "FOO=1", "mac": OTHER.format(4)},
    "not one": {"mac": "zz"},
    "multicast": {"mac": "03:00:00:00:00:01"},
}  # fmt: skip
for title, more in MACS.items():
    good = title in ("four", "three", "variable", "variable of others")
    add(f"mac: {title}", **more, crossed=good)
for title, more in {"mtu 70000": {"mtu": 70000}, "mtu 60": {"mtu": 60}, "mtu -1": {"mtu": -1},
                    "mtu of another type": {"mtu": "1400"}, "txQLen -1": {"txQLen": -1}}.items():  # fmt: skip
    add(title, **more, crossed=False)
ALL = KEYS["all"]
add("added twice", **ALL, steps=(ADD, ADD, DEL))
add("deleted thrice", **ALL, steps=(ADD, DEL, DEL, DEL))
add("nothing before it", mtu=1400, prevResult=None, crossed=False)
add("no such interface", mtu=1400, setup="", crossed=False)
add("namespace gone", **ALL, steps=(ADD, NETNS_GONE, DEL, DEL))
add("no namespace told", **ALL, steps=(ADD, verb("DEL", netns=""), DEL))
add("interface gone", **ALL, steps=(ADD, command("ip link delete host1"), DEL, DEL))
add("deleted with other settings", **ALL, steps=(ADD, verb("DEL", conf=conf(KIND, prevResult=previous()))))
add("backup lost", **ALL, steps=(ADD, command("rm -r /run/cni/tuning"), DEL))
add("backup that is none", **ALL, steps=(ADD, command("echo x >/run/cni/tuning/pod_eth0.json"), DEL))
CHANGES = {
    "mac": f"ip -n pod link set eth0 address {OTHER.format(7)}",
    "mtu": "ip -n pod link set eth0 mtu 1200",
    "promisc": "ip -n pod link set eth0 promisc off",
    "allmulti": "ip -n pod link set eth0 allmulticast off",
    "txQLen": "ip -n pod link set eth0 txqueuelen 33",
    "sysctl": "ip netns exec pod sh -c 'echo 0 >/proc/sys/net/ipv4/conf/eth0/arp_filter'",
    "gone": "ip link delete host1",
}
for title, change in CHANGES.items():
    add(f"check: {title} changed", **ALL, steps=(ADD, command(change), CHECK, DEL), crossed=False)
add("check: promisc that nobody asked for", mtu=1400,
    steps=(ADD, command("ip -n pod link set eth0 promisc on"), CHECK, DEL), crossed=False)  # fmt: skip
add("status and collection", version="1.1.0", mtu=1400, steps=(ADD, GC, DEL, STATUS))
