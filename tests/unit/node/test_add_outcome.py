"""What an ADD says when it worked: network status, events, cached results, default routes."""

from __future__ import annotations

import json
from typing import Any

from plurimus.cni.errors import ClusterError
from plurimus.core.routes import RouteChange
from plurimus.model.pod import Pod

from .fakes import Call
from .world import NETNS, Node


def status_of(node: Node) -> list[dict[str, Any]]:
    """The one network status that was written."""
    ((_, text),) = node.cluster.statuses
    elements: list[dict[str, Any]] = json.loads(text)
    return elements


def answer(*routes: dict[str, str], **keys: Any) -> Any:
    """What a plugin answers that makes one interface with these routes."""

    def made(call: Call) -> object:
        link = {"name": call.ifname, "sandbox": NETNS}
        ips = [{"address": "10.1.0.2/24", "interface": 0}]
        return {"cniVersion": "1.0.0", "interfaces": [link], "ips": ips, "routes": list(routes), **keys}

    return made


async def test_the_status_has_every_attachment_in_order() -> None:
    """Spec section 3.4; one write per request."""
    node = Node()
    node.networks("a", "b")
    await node.add()
    assert [(element["name"], element["interface"], element.get("default")) for element in status_of(node)] == [
        ("kube-system/cbr0", "eth0", True),
        ("default/a", "net1", None),
        ("default/b", "net2", None),
    ]


async def test_the_status_is_written_on_the_pod_that_was_read() -> None:
    """F56: so that a pod of the same name that came meanwhile is not taken for it."""
    node = Node()
    pod = node.pod()
    await node.add()
    assert [written for written, _ in node.cluster.statuses] == [pod]


async def test_without_kubernetes_nothing_is_published() -> None:
    node = Node(kubernetes=False, netconf={"clusterNetwork": "", "delegates": [{"name": "x", "type": "ptp"}]})
    await node.add()
    assert node.cluster.statuses == []
    assert node.cluster.events == []


async def test_an_event_tells_of_each_attachment() -> None:
    """F44."""
    node = Node()
    node.networks("a")
    await node.add()
    assert node.cluster.told() == [
        ("Normal", "AddedInterface", "Add eth0 [10.0.0.1/24] from kube-system/cbr0"),
        ("Normal", "AddedInterface", "Add net1 [10.0.0.2/24] from default/a"),
    ]
    assert {pod for pod, _ in node.cluster.events} == {"default/pod"}


async def test_an_event_lists_all_addresses() -> None:
    """F44."""
    node = Node()
    node.networks("a")
    both = [{"address": "10.1.0.2/24", "interface": 0}, {"address": "fd00::2/64", "interface": 0}]
    node.plugins.answers["a"] = answer(ips=both)
    await node.add()
    assert node.cluster.told()[1][2] == "Add net1 [10.1.0.2/24 fd00::2/64] from default/a"


async def test_an_empty_result_is_no_event() -> None:
    """F44: neither interfaces nor addresses."""
    node = Node()
    node.networks("a")
    node.plugins.answers["a"] = lambda _: {"cniVersion": "1.0.0"}
    await node.add()
    assert [text for _, _, text in node.cluster.told()] == ["Add eth0 [10.0.0.1/24] from kube-system/cbr0"]


async def test_nothing_is_told_of_a_delete() -> None:
    """F44."""
    node = Node()
    await node.add()
    node.cluster.events.clear()
    await node.delete()
    assert node.cluster.events == []


async def test_a_missing_definition_is_an_event_and_an_error() -> None:
    """F44, F90."""
    node = Node()
    node.pod("ns2/a")
    error = await node.refused("ADD")
    ((kind, reason, text),) = node.cluster.told()
    assert (kind, reason) == ("Warning", "NoNetworkFound")
    assert text.startswith("cannot find a network-attachment-definition (a) in namespace (ns2): ")
    assert text in error.msg


async def test_moved_default_routes_are_in_the_kernel_the_cache_and_the_status() -> None:
    """S22: what is said is what is true afterwards."""
    node = Node()
    node.network("a")
    node.pod([{"name": "a", "default-route": ["10.1.0.1"]}])
    default = {"dst": "0.0.0.0/0", "gw": "10.0.0.254"}
    node.plugins.answers["bridge"] = answer(default, {"dst": "10.9.0.0/16", "gw": "10.0.0.254"}, cniVersion="1.1.0")
    node.plugins.answers["a"] = answer()
    made = await node.add()
    assert node.kernel.changes == [{"eth0": [RouteChange(4)], "net1": [RouteChange(4, ("10.1.0.1",))]}]
    cached = {name: (entry.result or {}).get("routes") for name, entry in node.results.files.items()}
    assert cached == {
        "cbr0-cid1-eth0": [{"dst": "10.9.0.0/16", "gw": "10.0.0.254"}],
        "a-cid1-net1": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}],
    }
    assert [element.get("gateway") for element in status_of(node)] == [None, ["10.1.0.1"]]
    # the runtime gets what its own plugin would have said, as section 6.3 has it
    assert [route.gw for route in made.routes] == ["10.0.0.254", "10.0.0.254"]


async def test_a_route_without_a_gateway_is_not_in_the_status() -> None:
    """S22: no `<nil>`."""
    node = Node()
    node.plugins.answers["bridge"] = answer({"dst": "0.0.0.0/0"})
    await node.add()
    ((_, text),) = node.cluster.statuses
    assert "nil" not in text
    assert "gateway" not in status_of(node)[0]


async def test_routes_stay_as_they_are_where_nobody_asks() -> None:
    node = Node()
    node.networks("a")
    await node.add()
    assert node.kernel.changes == []


async def test_the_runtimes_own_values_go_to_the_default_network_alone() -> None:
    """F26: a pod's hostPort is no business of its other networks."""
    node = Node(netconf={"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 8080}], "dns": {}}})
    capabilities = {"portMappings": True, "dns": True}
    node.network("cbr0", namespace="kube-system", type="bridge", capabilities=capabilities)
    node.network("a", capabilities=capabilities)
    node.pod("a")
    await node.add()
    assert [call.conf.get("runtimeConfig") for call in node.plugins.calls] == [
        {"portMappings": [{"hostPort": 80, "containerPort": 8080}]},
        None,
    ]


async def test_the_pods_values_go_to_its_network() -> None:
    """F26: and back on DEL, from the record."""
    node = Node()
    node.network("a", capabilities={"ips": True, "mac": True})
    node.pod([{"name": "a", "ips": ["10.1.0.2/24"], "mac": "02:00:00:00:00:02"}])
    await node.add()
    await node.delete()
    wanted = {"ips": ["10.1.0.2/24"], "mac": "02:00:00:00:00:02"}
    given = {str(call): call.conf.get("runtimeConfig") for call in node.plugins.calls if call.ifname == "net1"}
    assert given == {"ADD a net1": wanted, "DEL a net1": wanted}


async def test_del_hands_over_the_result_of_add() -> None:
    """F1: from version 0.4.0 on."""
    node = Node()
    node.network("old", cniVersion="0.3.1")
    node.networks("a")
    node.pod("a,old")
    await node.add()
    added = {name: entry.result for name, entry in node.results.files.items()}
    await node.delete()
    previous = {call.ifname: call.conf.get("prevResult") for call in node.plugins.calls if call.verb == "DEL"}
    assert previous == {"net2": None, "net1": added["a-cid1-net1"], "eth0": added["cbr0-cid1-eth0"]}


async def test_what_is_undone_gets_the_result_it_was_made_with() -> None:
    """F1: also where nobody had the time to write it to the cache."""
    node = Node()
    node.networks("a")
    node.pod("a")
    node.cluster.write_error = ClusterError("no route")
    await node.refused("ADD")
    previous = {call.ifname: call.conf.get("prevResult") for call in node.plugins.calls if call.verb == "DEL"}
    assert {ifname: made["interfaces"][0]["name"] for ifname, made in previous.items() if made} == {
        "net1": "net1",
        "eth0": "eth0",
    }
    assert node.results.files == {}


async def test_a_static_pods_status_is_written_on_its_mirror() -> None:
    """F58: whose UID is another one than the runtime's."""
    node = Node()
    mirror: Pod = node.pod(uid="mirror", **{"kubernetes.io/config.source": "file"})
    await node.add(uid="static")
    assert [pod for pod, _ in node.cluster.statuses] == [mirror]
