"""A case: a configuration, what is on the node before, and what is asked of the plugin one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = "1.0.0"
NO_CHECK = ("", "0.1.0", "0.2.0", "0.3.0", "0.3.1")
"""Versions in which runtimes neither check nor tell a deletion of the result."""
NIC_MAC, POD_MAC = "02:00:00:00:00:10", "02:00:00:00:00:20"
NIC = f"""
ip link add nic0 up address {NIC_MAC} type veth peer name nic0-wire address 02:00:00:00:00:11
ip link set nic0-wire up
"""
"""A card of the node, on a wire that leads nowhere: kinds this kernel lacks would do as well."""
DEFAULT = f"{NIC} ip addr add 192.0.2.5/24 dev nic0; ip route add default via 192.0.2.1\n"
"""The same, with the node's default route."""

Step = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """`steps` by default: ADD, CHECK, DEL, DEL; `vm` where the machine's own kernel lacks something.

    With `crossed` each half is also done by the other one, which makes no sense where the ADD fails.  With `noisy` the
    kernel's own IPv6 addresses and duplicate address detection are on; what they make is not compared.
    An `ipam` plugin changes nothing in the kernel, so nobody looks there.
    """

    name: str
    type: str
    conf: Mapping[str, Any] | str
    setup: str = ""
    steps: tuple[Step, ...] = ()
    sandboxes: tuple[str, ...] = ("pod",)
    args: str = ""
    vm: bool = False
    noisy: bool = False
    crossed: bool = True
    ipam: bool = False

    @property
    def id(self) -> str:
        return f"{self.type}: {self.name}"

    def script(self) -> dict[str, Any]:
        """As `serve.py` takes it; the labels of steps that are said twice have a number."""
        checked = isinstance(self.conf, str) or self.conf.get("cniVersion", VERSION) not in NO_CHECK
        steps = self.steps or (verb("ADD"), *[verb("CHECK")] * checked, verb("DEL"), verb("DEL"))
        usual = {"type": self.type, "cid": "pod", "ifname": "eth0", "netns": "/run/netns/pod", "args": self.args}
        return {
            "setup": self.setup,
            "sandboxes": self.sandboxes,
            "noisy": self.noisy,
            "ipam": self.ipam,
            "steps": [{**usual, "conf": self.conf, **step} for step in steps],
        }

    def labels(self) -> list[str]:
        """A name for each verb that is asked for."""
        verbs = [step["verb"] for step in self.script()["steps"] if step["verb"] != "run"]
        return [f"{name} {verbs[:at].count(name) + 1}" if name in verbs[:at] else name for at, name in enumerate(verbs)]


def verb(name: str, **more: Any) -> Step:
    """A verb with what differs from the usual: `conf`, `cid`, `ifname`, `netns`, `args`, `type`."""
    return {"verb": name, **more}


def command(text: str) -> Step:
    """A shell script on the node, between verbs."""
    return {"verb": "run", "command": text}


ADD, CHECK, DEL, STATUS, GC = (verb(name) for name in ("ADD", "CHECK", "DEL", "STATUS", "GC"))
OTHERS_LEASE = """
mkdir -p /var/lib/cni/networks/net1
printf 'other\\r\\neth0' >/var/lib/cni/networks/net1/10.1.2.2
"""
"""Of the only address that host-local could give of 10.1.2.0/30."""
TAKEN = "ip link add taken type veth peer name eth0 netns pod\n"
TAKEN_FIRST = (ADD, command("ip link delete taken"), ADD, DEL)
"""An ADD while something else has the interface's name, and one after that."""
NETNS_GONE = command(
    """
    ip link add last type veth peer name last netns pod
    umount /run/netns/pod; rm /run/netns/pod
    while ip link show last >/dev/null 2>&1; do sleep 0.05; done
    """
)
"""The kernel takes the links of a namespace away behind it, all at once."""


def conf(kind: str, *, version: str = VERSION, name: str = "net1", **more: Any) -> dict[str, Any]:
    """A configuration; keys of None are left out."""
    given = {"cniVersion": version, "name": name, "type": kind, **more}
    return {key: value for key, value in given.items() if value is not None}


def host_local(*subnets: str, **more: Any) -> dict[str, Any]:
    """host-local with a range set for each subnet, and its routes in `more`."""
    return {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets], **more}


def static(*addresses: str, **more: Any) -> dict[str, Any]:
    """static, where the gateway is the network's first address."""
    return {"type": "static", "addresses": [{"address": each, "gateway": gateway(each)} for each in addresses], **more}


def gateway(address: str) -> str:
    """The first address of a network of /24 or /64 that is written as `fd01::2/64` or `10.0.1.2/24`."""
    return address.partition("::")[0] + "::1" if ":" in address else address.rpartition(".")[0] + ".1"


@dataclass(frozen=True)
class Cases:
    """Collects the cases of a module; no two of a type have one name."""

    made: dict[str, Case] = field(default_factory=dict)

    def add(self, name: str, kind: str, given: Mapping[str, Any] | str, **more: Any) -> None:
        case = Case(name, kind, given, **more)
        assert case.id not in self.made, f"two cases {case.id}"
        self.made[case.id] = case
