"""Pods on wires of their own: what they get, whom they reach, and what is left of them; beside the plugin `ptp`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError
from plurimus.drivers.ptp.driver import Ptp

from . import bridges, firewall, plugins
from .bridges import PODS, Giving, addresses, details, executable, ipam, path, ping, pods, static, variables
from .snapshot import ip, ip_json, kernel

pytestmark = pytest.mark.usefixtures("root", "node")

POD, OTHER = PODS
LINK_LOCAL = "fe80"


@pytest.fixture
def node() -> Iterator[None]:
    with pods(*PODS):
        yield


def conf(*ips: str, **more: Any) -> dict[str, Any]:
    return bridges.conf(*ips, kind="ptp", **more)


def add(given: Mapping[str, Any], pod: str = POD, *, by: Ptp | None = None) -> Any:
    return bridges.add(given, pod, by=by or Ptp(Path("/"), ipam()))


def delete(given: Mapping[str, Any], pod: str = POD, **env: str) -> None:
    plugins.ours(Ptp(Path("/"), ipam()), variables("DEL", pod, "eth0") | env, dict(given))


def wires() -> list[str]:
    return [name for name in kernel()["links"] if name.startswith("veth")]


def seen(result: Any) -> Any:
    """Both ends and the result, without MACs and the name of the host's end.

    The route to the host's own IPv6 address is there once the kernel knows that nobody else has that.
    """
    host, _ = (each["name"] for each in result["interfaces"])
    text = json.dumps([result, kernel(POD), addresses(host), details(host).get("txqlen"), details(host)["mtu"],
                       [route for route in kernel()["routes"]
                        if route[1].get("dev") == host and route[1].get("table") != "local"]])  # fmt: skip
    macs = [details(host)["address"], details("eth0", POD)["address"]]
    assert [each["mac"] for each in result["interfaces"]] == macs
    for what, word in ((host, "HOST"), (macs[0], "MAC0"), (macs[1], "MAC1")):
        text = text.replace(what, word)
    return json.loads(text)


NETWORKS = {
    "v4": conf("10.6.0.2/24"),
    "dual stack": conf("10.6.0.2/24", "fd06::2/64", mtu=1400),
    "two networks": conf("10.6.0.2/24", "10.7.0.3/24"),
    "routes and dns": conf(
        ipam=static("10.6.0.2/24", routes=[{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.6.0.1"}],
                    dns={"nameservers": ["10.0.0.53"]}),
        dns={"domain": "example.org"},
    ),
    "0.4.0": conf("10.6.0.2/24", cniVersion="0.4.0"),
    "gateway elsewhere": conf(
        ipam={"type": "static", "addresses": [{"address": "10.6.0.2/24", "gateway": "10.9.0.9"}]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("given", NETWORKS.values(), ids=NETWORKS)
def test_result_pod_and_host_are_the_plugins(given: dict[str, Any]) -> None:
    theirs = executable("ADD", given)
    wanted = seen(theirs)
    executable("DEL", given)
    assert wires() == []
    ours = add(given)
    assert seen(ours) == wanted
    plugins.ours(Ptp(Path("/"), ipam()), variables("CHECK", POD, "eth0"), {**given, "prevResult": ours})
    executable("CHECK", {**given, "prevResult": ours})
    delete(given)
    assert wires() == []
    assert list(kernel(POD)["links"]) == ["lo"]


def test_pods_reach_each_other_by_the_node() -> None:
    add(conf("10.6.0.2/24", "fd06::2/64"))
    add(conf("10.6.0.3/24", "fd06::3/64"), OTHER)
    for target in ("10.6.0.1", "10.6.0.3", "fd06::1", "fd06::3"):
        assert ping(target, POD), target
    (route,) = ip_json("route", "get", "10.6.0.3", namespace=POD)
    assert route["gateway"] == "10.6.0.1"


@pytest.mark.parametrize("added_by", ["driver", "executable"])
def test_one_deletes_what_the_other_made(added_by: str) -> None:
    given = conf("10.6.0.2/24", ipMasq=True, ipMasqBackend="iptables")
    if added_by == "driver":
        add(given)
        executable("DEL", given)
    else:
        executable("ADD", given)
        delete(given)
    assert wires() == []
    assert firewall.iptables() == []


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
@pytest.mark.parametrize("gone", ["interface", "namespace", "nothing told", "nothing"])
def test_a_deletion_succeeds_whatever_is_gone_and_ends_masquerading(backend: str, gone: str) -> None:
    given = conf("10.6.0.2/24", ipMasq=True, ipMasqBackend=backend)
    add(given)
    assert [*firewall.iptables(), *firewall.masquerading()] != []
    if gone == "interface":
        ip("link", "delete", "eth0", namespace=POD)
    if gone == "namespace":
        netns.delete(path(POD))
    for _ in range(2):
        delete({**given, "mtu": "much"}, **({"CNI_NETNS": ""} if gone == "nothing told" else {}))
    assert [*firewall.iptables(), *firewall.masquerading()] == []


def test_garbage_is_collected() -> None:
    given = conf("10.6.0.2/24", ipMasq=True, ipMasqBackend="nftables", cniVersion="1.1.0")
    add(given)
    for alive in ([{"containerID": POD, "ifname": "eth0"}], []):
        assert len(firewall.masquerading()) == 1
        plugins.ours(Ptp(Path("/"), ipam()), variables("GC", "", ""), {**given, "cni.dev/valid-attachments": alive})
    assert firewall.masquerading() == []


REFUSED = {
    "no gateway": (Giving({"address": "10.6.0.2/24"}), r"10\.6\.0\.2/24 has no gateway, which 'ptp' needs"),
    "no network": (Giving({"address": "10.6.0.2/32", "gateway": "10.6.0.1"}), "has no network around it"),
    "no way": (
        Giving({"address": "10.6.0.2/24", "gateway": "10.6.0.1"}, routes=[{"dst": "10.9.0.0/16", "gw": "172.16.0.1"}]),
        r"adding route 10\.9\.0\.0/16",
    ),
    "one gateway twice": (
        Giving({"address": "10.6.0.2/24", "gateway": "10.6.0.1"}, {"address": "10.6.0.3/24", "gateway": "10.6.0.1"}),
        "File exists|cannot assign|exists",
    ),
}


@pytest.mark.parametrize(("plugin", "says"), REFUSED.values(), ids=REFUSED)
def test_a_refused_add_leaves_nothing(plugin: Giving, says: str) -> None:
    before = kernel(POD)
    with pytest.raises(AttachmentError, match=says):
        add(conf(ipam={"type": "giving"}, ipMasq=True), by=Ptp(Path("/"), ipam(plugin)))
    assert plugin.verbs == ["ADD", "DEL"]
    assert kernel(POD) == before
    assert wires() == []
    assert firewall.iptables() == []


def test_what_a_network_cannot_ask_for_is_refused() -> None:
    for more, says in (
        ({"ipam": {}}, "'ptp' makes no interface; give it addresses"),
        ({"mtu": 70000}, "'mtu' is 70000, expected up to 65535 bytes"),
        ({"ipMasq": True, "ipMasqBackend": "pf"}, "'ipMasqBackend' is 'pf', expected one of iptables, nftables"),
    ):
        for verb in ("ADD", "STATUS", "CHECK"):
            with pytest.raises(ConfigError, match=says):
                plugins.ours(Ptp(Path("/"), ipam()), variables(verb, POD, "eth0"), conf("10.6.0.2/24") | more)
    with pytest.raises(PlurimusError) as refused:
        add(conf("10.6.0.2/24"), "nowhere")
    assert refused.value.code == 8
    assert wires() == []
