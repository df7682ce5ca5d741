"""The `default-route` annotation with real plugins: kernel, result cache and network status agree afterwards."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from .daemon import Node
from .runtime import Sandbox

ETH0 = {4: "10.90.0.1", 6: "fd90::1"}
"""What the default network's plugin makes the default gateways."""
Routes = set[tuple[str, str]]


def default_network(node: Node, **more: Any) -> dict[str, Any]:
    ipam = node.host_local("10.90.0.0/24", "fd90::/64")
    return node.bridge(bridge="pods1", isDefaultGateway=True, ipam=ipam) | more


def rail(node: Node, number: int = 0, *routes: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """A network of both families, whose plugin makes `routes`: each a destination and perhaps a gateway."""
    ipam = node.host_local(f"10.{number + 10}.0.0/24", f"fd{number + 10}::/64")
    made = [dict(zip(("dst", "gw"), route, strict=False)) for route in routes]
    return node.macvlan(number, ipam=ipam | {"routes": made}, **more)


def sandbox(node: Node, networks: Any, **more: Any) -> Sandbox:
    return node.sandbox(networks, cluster_network=default_network(node), **more)


def agreed(pod: Sandbox, family: int) -> Routes:
    """The default routes of one family, on which kernel, result cache and network status agree.

    A route without gateway has that of the addresses, wherever it is read.
    """
    kernel = pod.default_routes(family)
    cached, status = set(), set()
    for element in pod.network_status():
        ifname = element["interface"]
        network = next(path.name for path in pod.node.state.glob(f"results/*-{pod.id}-{ifname}")).split("-")[0]
        for dst, gateway in cached_routes(pod.cached(network, ifname)["result"]):
            if dst == {4: "0.0.0.0/0", 6: "::/0"}[family]:
                cached.add((gateway, ifname))
        status |= {(gw, ifname) for gw in element.get("gateway", []) if ipaddress.ip_address(gw).version == family}
    assert kernel == cached == status
    return kernel


def cached_routes(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Destination and gateway of each route in a cached result, in the shape of any version."""
    families = [result.get("ip4", {}), result.get("ip6", {})]
    gateways = {":" in ip["address"]: ip["gateway"] for ip in result.get("ips", []) if "gateway" in ip}
    routes = [route for part in (result, *families) for route in part.get("routes", [])]
    return [(route["dst"], route.get("gw") or gateways[":" in route["dst"]]) for route in routes]


def settled(pod: Sandbox, v4: Routes, v6: Routes) -> None:
    """ADD gives these default routes; CHECK is content with them, and DEL leaves nothing."""
    pod.add()
    assert (agreed(pod, 4), agreed(pod, 6)) == (v4, v6)
    pod.check()
    pod.delete()
    assert pod.links() == {}


KEPT = {family: {(gateway, "eth0")} for family, gateway in ETH0.items()}


@pytest.mark.parametrize(
    ("gateways", "v4", "v6"),
    [
        (["10.10.0.9"], {("10.10.0.9", "net1")}, KEPT[6]),
        (["fd10::9"], KEPT[4], {("fd10::9", "net1")}),
        (["10.10.0.9", "fd10::9"], {("10.10.0.9", "net1")}, {("fd10::9", "net1")}),
        (["fd10::9", "::ffff:10.10.0.9"], {("10.10.0.9", "net1")}, {("fd10::9", "net1")}),
        ([], KEPT[4], KEPT[6]),
    ],
    ids=["v4", "v6", "both", "mapped", "empty"],
)
def test_a_gateway_takes_its_family_from_the_others(node: Node, gateways: list[str], v4: Routes, v6: Routes) -> None:
    """F38, S1, S2, S22, S43."""
    node.network("rail", rail(node))
    settled(sandbox(node, [{"name": "rail", "default-route": gateways}]), v4, v6)


@pytest.mark.parametrize(
    ("routes", "v4", "v6"),
    [
        ([("0.0.0.0/0", "10.10.0.1")], {("10.10.0.1", "net1")}, KEPT[6]),
        ([("::/0", "fd10::1")], KEPT[4], {("fd10::1", "net1")}),
        ([("0.0.0.0/0", "10.10.0.1"), ("::/0", "fd10::1")], {("10.10.0.1", "net1")}, {("fd10::1", "net1")}),
        ([("0.0.0.0/0",), ("::/0",)], {("10.10.0.1", "net1")}, {("fd10::1", "net1")}),
    ],
    ids=["v4", "v6", "both", "without gateways"],
)
def test_an_empty_list_keeps_what_the_plugin_made_and_takes_it_from_the_others(
    node: Node, routes: list[tuple[str, ...]], v4: Routes, v6: Routes
) -> None:
    """F38, S2, S22."""
    node.network("rail", rail(node, 0, *routes))
    settled(sandbox(node, [{"name": "rail", "default-route": []}]), v4, v6)


FIRST_WINS = """
netns = os.path.basename(env["CNI_NETNS"])
def ip(*argv):
    return subprocess.run(["ip", "-n", netns, *argv], stderr=subprocess.PIPE).returncode
if env["CNI_COMMAND"] == "ADD":
    ip("link", "add", env["CNI_IFNAME"], "up", "type", "veth", "peer", "name", "other-end")
    ip("link", "set", "other-end", "up")
    ip("addr", "add", "10.95.0.2/24", "dev", env["CNI_IFNAME"])
    failed = ip("route", "add", "default", "via", "10.95.0.1", "dev", env["CNI_IFNAME"])
    assert failed  # there is one; releases of the reference plugins before 1.2 then say nothing
    ips = [{"address": "10.95.0.2/24", "gateway": "10.95.0.1", "interface": 0}]
    links = [{"name": env["CNI_IFNAME"], "sandbox": env["CNI_NETNS"]}]
    print(json.dumps({"cniVersion": "1.0.0", "interfaces": links, "ips": ips, "routes": [{"dst": "0.0.0.0/0"}]}))
else:
    ip("link", "delete", env["CNI_IFNAME"])
"""


def test_an_empty_list_gives_what_the_plugin_could_not_make_beside_another(node: Node) -> None:
    """F38, S2, S22."""
    node.script("first-wins", FIRST_WINS)
    node.network("rail", {"cniVersion": "1.0.0", "type": "first-wins"})
    pod = sandbox(node, [{"name": "rail", "default-route": []}])
    pod.add()
    assert agreed(pod, 4) == {("10.95.0.1", "net1")}
    assert agreed(pod, 6) == KEPT[6]


def test_an_empty_list_keeps_the_metric_of_what_the_plugin_made(node: Node) -> None:
    """F38, S2."""
    routes = [{"dst": "0.0.0.0/0", "priority": 77}, {"dst": "::/0", "priority": 78}]
    conf = rail(node)
    conf["ipam"]["routes"] = routes
    node.network("rail", conf)
    pod = sandbox(node, [{"name": "rail", "default-route": []}])
    pod.add()
    there = [pod.ip_json(f"-{family}", "route", "show", "default") for family in (4, 6)]
    assert [(route["gateway"], route["metric"]) for (route,) in there] == [("10.10.0.1", 77), ("fd10::1", 78)]
    assert (agreed(pod, 4), agreed(pod, 6)) == ({("10.10.0.1", "net1")}, {("fd10::1", "net1")})


def test_gateways_replace_those_the_plugin_made(node: Node) -> None:
    """F38, S1, S22."""
    node.network("rail", rail(node, 0, ("::/0", "fd10::1")))
    pod = sandbox(node, [{"name": "rail", "default-route": ["10.10.0.9", "fd10::9"]}])
    settled(pod, {("10.10.0.9", "net1")}, {("fd10::9", "net1")})


def test_each_family_may_go_another_way(node: Node) -> None:
    """F38, S2."""
    node.network("rail", rail(node))
    node.network("other", rail(node, 1))
    four = {"name": "rail", "default-route": ["10.10.0.9"]}
    six = {"name": "other", "default-route": ["fd11::9"]}
    settled(sandbox(node, [four, six]), {("10.10.0.9", "net1")}, {("fd11::9", "net2")})


def test_networks_nobody_spoke_of_lose_their_default_routes_too(node: Node) -> None:
    """F38, S1."""
    node.network("rail", rail(node))
    node.network("other", rail(node, 1, ("::/0", "fd11::1")))
    pod = sandbox(node, [{"name": "rail", "default-route": ["fd10::9"]}, {"name": "other"}])
    settled(pod, KEPT[4], {("fd10::9", "net1")})


@pytest.mark.parametrize("networks", ["", "rail"], ids=["alone", "beside another"])
def test_the_default_network_chosen_by_the_pod_may_have_another_gateway(node: Node, networks: str) -> None:
    """F38, F39."""
    node.network("rail", rail(node, 0, ("::/0", "fd10::1")))
    node.network("mine", default_network(node), "kube-system")
    pod = sandbox(node, networks, default=[{"name": "mine", "default-route": ["10.90.0.77"]}])
    theirs = {("fd10::1", "net1")} if networks else set()
    settled(pod, {("10.90.0.77", "eth0")}, KEPT[6] | theirs)


def test_the_default_network_chosen_by_the_pod_may_keep_what_its_plugin_made(node: Node) -> None:
    """F38, F39, S2."""
    node.network("rail", rail(node, 0, ("::/0", "fd10::1")))
    node.network("mine", default_network(node), "kube-system")
    pod = sandbox(node, "rail", default=[{"name": "mine", "default-route": []}])
    settled(pod, KEPT[4], KEPT[6])


@pytest.mark.parametrize("version", ["0.2.0", "0.3.1", "0.4.0", "1.0.0"])
def test_results_of_every_version_are_edited(node: Node, version: str) -> None:
    """F12, F38, S22."""
    node.network("rail", rail(node, cniVersion=version))
    pod = node.sandbox(
        [{"name": "rail", "default-route": ["10.10.0.9", "fd10::9"]}],
        cluster_network=default_network(node, cniVersion=version),
    )
    settled(pod, {("10.10.0.9", "net1")}, {("fd10::9", "net1")})


def test_routes_that_are_no_default_routes_stay(node: Node) -> None:
    """F38, S43."""
    node.network("rail", rail(node, 0, ("10.99.0.0/16", "10.10.0.3"), ("fd99::/32", "fd10::3")))
    pod = sandbox(node, [{"name": "rail", "default-route": ["10.10.0.9", "fd10::9"]}])
    pod.add()
    expected = {("10.99.0.0/16", "10.10.0.3"), ("fd99::/32", "fd10::3")}
    for family in (4, 6):
        there = pod.ip_json(f"-{family}", "route", "show", "dev", "net1")
        assert expected & {(r["dst"], r.get("gateway", "")) for r in there}
    edited = {("0.0.0.0/0", "10.10.0.9"), ("::/0", "fd10::9")}
    assert set(cached_routes(pod.cached("rail", "net1")["result"])) == expected | edited
    pod.check()


def test_the_runtime_gets_the_default_networks_result_as_the_plugin_gave_it(node: Node) -> None:
    """Spec section 6.3, step 12."""
    node.network("rail", rail(node))
    result = sandbox(node, [{"name": "rail", "default-route": ["10.10.0.9"]}]).add()
    assert {"dst": "0.0.0.0/0", "gw": ETH0[4]} in result["routes"]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (["10.10.0.9"], ["10.11.0.9"], "multus does not support ECMP for default-route"),
        (["10.10.0.8", "10.10.0.9"], None, "multus does not support ECMP for default-route"),
        (["fd10::9", "10.10.0.9"], ["fd11::9"], "multus does not support ECMP for default-route"),
        ([], [], "only one can own the default route"),
    ],
)
def test_two_gateways_of_a_family_are_refused_before_any_plugin_runs(
    node: Node, first: list[str], second: list[str] | None, words: str
) -> None:
    """F89."""
    node.network("rail", rail(node))
    node.network("other", rail(node, 1))
    other = {"name": "other"} if second is None else {"name": "other", "default-route": second}
    pod = sandbox(node, [{"name": "rail", "default-route": first}, other])
    before = node.snapshot()
    assert words in pod.call("ADD").refused(7)
    assert node.snapshot() == before
