"""A node with pods for the driver of `bridge` and `ptp`, and the executables they stand for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plurimus.adapters import netns
from plurimus.adapters.plugins import Executables
from plurimus.cni import result
from plurimus.cni.result import Result
from plurimus.drivers.bridge.driver import Bridge
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam

from . import firewall, plugins
from .snapshot import ip, ip_json, kernel

BRIDGE = "br7"
PODS = ("bridge-a", "bridge-b")
BY_ITSELF = ("fe80:",)


def path(pod: str) -> str:
    return f"/run/netns/{pod}"


@contextmanager
def pods(*names: str) -> Iterator[None]:
    """Namespaces of these names; afterwards no link, no rule and no forwarding is left on the host."""
    firewall.flush()  # chained plugins leave chains of their own by design
    before = set(kernel()["links"])
    forwarding = {name: Path(name).read_text() for name in ("/proc/sys/net/ipv4/ip_forward",
                                                            "/proc/sys/net/ipv6/conf/all/forwarding")}  # fmt: skip
    for name in names:
        netns.create(path(name))
    try:
        yield
    finally:
        for name in names:
            netns.delete(path(name))
        for link in set(kernel()["links"]) - before:
            subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
        for name, value in forwarding.items():
            Path(name).write_text(value)
        firewall.flush()


class Giving(Driver):
    """An IPAM plugin inside, `giving`: what it was asked; `meanwhile` happens as it gives."""

    def __init__(self, *ips: dict[str, str], meanwhile: Callable[[], object] = lambda: None, **more: Any) -> None:
        self._answer = {"cniVersion": "1.0.0", "ips": list(ips), **more}
        self._meanwhile = meanwhile
        self.verbs: list[str] = []

    async def add(self, call: Call) -> Result:
        self.verbs.append("ADD")
        self._meanwhile()
        return result.parse(self._answer, default_version="")

    async def delete(self, call: Call) -> None:
        self.verbs.append("DEL")

    async def check(self, call: Call) -> None:
        self.verbs.append("CHECK")


def ipam(giving: Giving | None = None) -> Ipam:
    """Delegates to executables, or to `giving`."""
    inside = InProcess(Executables(timeout=60))
    if giving is not None:
        inside.use({"giving": giving})
    return Ipam(inside)


def driver() -> Bridge:
    return Bridge(Path("/"), ipam())


def static(*addresses: str, gateway: bool = True, **more: Any) -> dict[str, Any]:
    """The plugin `static`, where the gateway is the network's first address."""
    given = [{"address": each} | ({"gateway": first(each)} if gateway else {}) for each in addresses]
    return {"type": "static", "addresses": given, **more}


def first(address: str) -> str:
    return address.partition("::")[0] + "::1" if ":" in address else address.rpartition(".")[0] + ".1"


def conf(*addresses: str, kind: str = "bridge", **more: Any) -> dict[str, Any]:
    """A network; without addresses it has no IPAM."""
    given = {"cniVersion": "1.0.0", "name": "net1", "type": kind}
    named = {"bridge": BRIDGE} if kind == "bridge" else {}
    return given | named | ({"ipam": static(*addresses)} if addresses else {}) | more


def add(
    given: Mapping[str, Any], pod: str = PODS[0], ifname: str = "eth0", *, by: Driver | None = None, **env: str
) -> Any:
    """The result of an ADD by a driver, a new one of `bridge` by default."""
    return json.loads(plugins.ours(by or driver(), variables("ADD", pod, ifname, **env), dict(given)))


def delete(given: Mapping[str, Any], pod: str = PODS[0], ifname: str = "eth0", *, by: Driver | None = None) -> None:
    plugins.ours(by or driver(), variables("DEL", pod, ifname), dict(given))


def check(
    given: Mapping[str, Any], result: Any, pod: str = PODS[0], ifname: str = "eth0", *, by: Driver | None = None
) -> None:
    plugins.ours(by or driver(), variables("CHECK", pod, ifname), {**given, "prevResult": result})


def executable(verb: str, given: Mapping[str, Any], pod: str = PODS[0], ifname: str = "eth0", **env: str) -> Any:
    """What the executable answers, which must succeed."""
    printed = plugins.theirs(variables(verb, pod, ifname, **env), dict(given))
    return json.loads(printed) if printed else None


def variables(verb: str, pod: str, ifname: str, **env: str) -> dict[str, str]:
    """The CNI_* variables; the container is called as its namespace."""
    return plugins.variables(verb, path(pod) if pod else "", ifname, pod or "gone", **env)


def ports() -> list[str]:
    """The ports of the bridge."""
    return [link["ifname"] for link in ip_json("link", "show") if link.get("master") == BRIDGE]


def addresses(link: str, pod: str | None = None) -> list[str]:
    """But for those the kernel makes itself."""
    found = ip_json("addr", "show", link, namespace=pod)
    return [
        f"{each['local']}/{each['prefixlen']}" for each in found[0]["addr_info"] if not each["local"].startswith("fe80")
    ]


def details(link: str, pod: str | None = None) -> dict[str, Any]:
    return ip_json("-details", "link", "show", link, namespace=pod)[0]


def ping(target: str, pod: str, *options: str) -> bool:
    """Whether an answer comes."""
    argv = ["ip", "netns", "exec", pod, "ping", "-c", "1", "-W", "5", *options, target]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def sysctl(name: str, pod: str) -> str:
    done = subprocess.run(
        ["ip", "netns", "exec", pod, "cat", f"/proc/sys/{name}"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


__all__ = ["ip"]
