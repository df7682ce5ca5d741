"""Cases of `sbr`: plugins spec section 18, cases 64 to 68."""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, NETNS_GONE, Cases, command, conf, gateway, verb

CASES = Cases()
ADDRESSES = {
    "one": ["10.0.1.2/24"],
    "several": ["10.0.1.2/24", "10.0.9.2/24", "fd01::2/64"],
    "one-network-twice": ["10.0.1.2/24", "10.0.1.3/24"],
    "ipv6": ["fd01::2/64"],
}


def interface(texts: list[str], ifname: str = "eth0", number: int = 1) -> str:
    """A script that gives the pod an interface with these addresses and two routes more."""
    addresses = [f"ip -n pod addr add {text} dev {ifname}" for text in texts]
    return "\n".join(
        [
            f"ip link add host{number} type veth peer name {ifname} netns pod address 02:00:00:00:00:2{number}",
            f"ip link set host{number} up; ip -n pod link set {ifname} up",
            *addresses,
            f"ip -n pod route add 10.6{number}.0.0/16 dev {ifname} metric 7 mtu 1300",
            *(
                f"ip -n pod route add 10.5{number}.0.0/16 via 10.0.1.9 dev {ifname}"
                for _ in texts[:1]
                if texts[0].startswith("10.0.1.")
            ),
        ]
    )


def previous(
    texts: list[str], *, version: str = "1.0.0", gateways: bool = True, index: int | None = 0, ifname: str = "eth0"
) -> dict[str, Any]:
    """What the plugin before it says."""
    ips = [{"address": text, **({"gateway": gateway(text)} if gateways else {})} for text in texts]
    ips = [each | ({"interface": index} if index is not None else {}) for each in ips]
    if version < "1":
        ips = [{"version": "6" if ":" in each["address"] else "4", **each} for each in ips]
    interfaces = [{"name": ifname, "mac": "02:00:00:00:00:21", "sandbox": "/run/netns/pod"}]
    return {"cniVersion": version, "interfaces": interfaces, "ips": ips, "dns": {"nameservers": ["10.0.1.1"]}}


for title, addresses in ADDRESSES.items():
    for gateways in (True, False):
        for table in (None, 7000):
            CASES.add(
                f"{title}, {'table' if table else 'own tables'}{'' if gateways else ', no gateway'}",
                "sbr",
                conf("sbr", table=table, prevResult=previous(addresses, gateways=gateways)),
                setup=interface(addresses),
            )
for version in ("0.3.1", "0.4.0", "1.0.0", "1.1.0"):
    CASES.add(
        f"version {version}",
        "sbr",
        conf("sbr", version=version, prevResult=previous(["10.0.1.2/24"], version=version)),
        setup=interface(["10.0.1.2/24"]),
    )
ONE = conf("sbr", prevResult=previous(["10.0.1.2/24"]))
SETUP = interface(["10.0.1.2/24"])
for given in (None, 5):
    CASES.add(
        f"interface index {given}",
        "sbr",
        conf("sbr", prevResult=previous(["10.0.1.2/24"], index=given)),
        setup=SETUP,
    )
CASES.add("two interfaces", "sbr", ONE, setup=SETUP + "\n" + interface(["10.0.2.2/24"], "eth1", 2),
          steps=(ADD, verb("ADD", ifname="eth1", conf=conf("sbr", prevResult=previous(["10.0.2.2/24"], ifname="eth1"))),
                 CHECK, DEL, verb("DEL", ifname="eth1")))  # fmt: skip
AGAIN = command("ip -n pod route add 10.0.1.0/24 dev eth0 src 10.0.1.2")
CASES.add("again", "sbr", ONE, setup=SETUP, steps=(ADD, DEL, AGAIN, ADD, DEL))
CASES.add("again while added", "sbr", conf("sbr", table=7000, prevResult=previous(["10.0.1.2/24"])), setup=SETUP,
          steps=(ADD, ADD, DEL))  # fmt: skip
CASES.add("namespace gone", "sbr", ONE, setup=SETUP, steps=(ADD, NETNS_GONE, DEL, DEL))
CASES.add("no namespace told", "sbr", ONE, setup=SETUP, steps=(ADD, verb("DEL", netns="")))
CASES.add("interface gone", "sbr", ONE, setup=SETUP, steps=(ADD, command("ip link delete host1"), DEL))
CASES.add("nothing before it", "sbr", conf("sbr"), setup=SETUP, crossed=False)
CASES.add("no addresses", "sbr", conf("sbr", prevResult=previous([])), setup=SETUP, crossed=False)
CASES.add("table of another type", "sbr", conf("sbr", table="100", prevResult=previous(["10.0.1.2/24"])), setup=SETUP,
          crossed=False)  # fmt: skip
CASES.add("junk in CNI_ARGS", "sbr", ONE, setup=SETUP, args="FOO=1;IgnoreUnknown=0")
CASES.add("kernel's own addresses", "sbr", ONE, setup=SETUP, noisy=True)
CASES.add("keys in other case", "sbr", {**{key.upper(): value for key, value in ONE.items()}}, setup=SETUP)
