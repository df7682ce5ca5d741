"""ADD, all of it: what runs, in which order, what is written and what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, ClusterError, Code

from .world import CONTAINER, NETNS, STATE, Node

VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


async def test_the_default_network_first_then_the_pods_own_in_their_order() -> None:
    """F1, F14."""
    node = Node()
    node.networks("b", "a")
    await node.add()
    assert node.plugins.made() == ["ADD bridge eth0", "ADD b net1", "ADD a net2"]


async def test_default_networks_come_between_and_count() -> None:
    """F17."""
    node = Node(netconf={"defaultNetworks": ["d1", "d2"]})
    for name in ("d1", "d2"):
        node.network(name, namespace="kube-system")
    node.networks("a")
    await node.add()
    assert node.plugins.made() == ["ADD bridge eth0", "ADD d1 net1", "ADD d2 net2", "ADD a net3"]


@pytest.mark.parametrize("kubernetes", [True, False])
async def test_inline_delegates_run_with_and_without_kubernetes(kubernetes: bool) -> None:
    """F1."""
    delegates = [{"name": "x", "type": "ptp"}, {"name": "y", "plugins": [{"type": "vlan"}, {"type": "tuning"}]}]
    node = Node(kubernetes=kubernetes, netconf={"clusterNetwork": "", "delegates": delegates})
    await node.add()
    assert node.plugins.made() == ["ADD ptp eth0", "ADD vlan net1", "ADD tuning net1"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_answer_is_the_default_networks_result(version: str) -> None:
    """F1; in the version the runtime asked in it has to be convertible."""
    node = Node(netconf={"cniVersion": version})
    node.networks("a")
    outcome = await node.call("ADD")
    assert outcome.cni_version == version
    assert outcome.result is not None
    printed = result.dump(outcome.result, version)
    address = printed["ip4"]["ip"] if version < "0.3" else printed["ips"][0]["address"]
    assert address == "10.0.0.1/24"


async def test_what_a_plugin_is_given() -> None:
    """F1, F22: the runtime's sandbox, the delegate's interface; binDir before the runtime's own path."""
    node = Node(netconf={"binDir": "/first"})
    node.networks("a")
    await node.add(CNI_PATH="/second:/third:/first")
    call = node.plugins.calls[1]
    assert call.search == ("/first", "/second", "/third")
    assert dict(call.env) == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": CONTAINER,
        "CNI_NETNS": NETNS,
        "CNI_IFNAME": "net1",
        "CNI_PATH": "/first:/second:/third",
        "CNI_ARGS": f"IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod;"
        f"K8S_POD_INFRA_CONTAINER_ID={CONTAINER};K8S_POD_UID=uid-1",
    }
    assert call.conf == {"type": "a", "name": "a", "cniVersion": "1.0.0"}


async def test_a_request_without_an_interface_or_a_path_gets_the_usual_ones() -> None:
    """F60: the shim of Multus may leave them out."""
    node = Node()
    await node.add(CNI_PATH="", ifname="")
    assert node.plugins.made() == ["ADD bridge eth0"]
    assert node.plugins.calls[0].search == ("/opt/cni/bin",)


async def test_one_network_twice_makes_two_attachments() -> None:
    """F87: with a cached result and a status element each."""
    node = Node()
    node.network("a")
    node.pod("a,a@second")
    await node.add()
    assert node.plugins.made() == ["ADD bridge eth0", "ADD a net1", "ADD a second"]
    assert sorted(node.results.files) == ["a-cid1-net1", "a-cid1-second", "cbr0-cid1-eth0"]
    (_, status), *_ = node.cluster.statuses
    assert [element["interface"] for element in json.loads(status)] == ["eth0", "net1", "second"]
    await node.delete()
    assert node.plugins.made("DEL") == ["DEL a second", "DEL a net1", "DEL bridge eth0"]
    assert node.left() == []


async def test_one_network_twice_takes_one_device_each() -> None:
    """F87."""
    node = Node()
    node.network("a", resource="example.com/vf")
    node.pod("a,a")
    node.cluster.devices = {"example.com/vf": ["v2", "v1"]}
    await node.add()
    assert [call.conf.get("deviceID") for call in node.plugins.calls] == [None, "v2", "v1"]


async def test_a_network_without_its_device_stops_the_add_before_anything_runs() -> None:
    """S9: the error names the definition, the resource and the counts."""
    node = Node()
    node.network("a", resource="example.com/vf")
    node.pod("a,a")
    node.cluster.devices = {"example.com/vf": ["v1"]}
    error = await node.refused("ADD")
    assert "default/a" in error.msg
    assert "'example.com/vf': pod default/pod has 1 allocated and asks for 2" in error.msg
    assert node.plugins.calls == []
    assert node.left() == []


async def test_a_kubelet_that_does_not_tell_the_devices_stops_the_add_before_anything_runs() -> None:
    """S9: the error names the definition and the resource, and the runtime may try again."""
    node = Node()
    node.network("a", resource="example.com/vf")
    node.pod("a,a")
    node.cluster.error, node.cluster.error_about = ClusterError("kubelet is away"), "devices"
    error = await node.refused("ADD")
    assert error.msg.endswith("network 'default/a' needs a device of 'example.com/vf': kubelet is away")
    assert error.code == 11
    assert node.cluster.asked.count("devices default/pod") == 1
    assert node.plugins.calls == []
    assert node.left() == []


async def test_devices_are_asked_for_only_where_a_network_needs_one() -> None:
    node = Node()
    node.networks("a")
    await node.add()
    assert not any("devices" in question for question in node.cluster.asked)


@pytest.mark.parametrize("taken", ["eth0", "net1", "net2"])
async def test_a_taken_interface_name_stops_the_add_before_anything_runs(taken: str) -> None:
    """F37."""
    node = Node()
    node.networks("a", "b")
    node.kernel.taken = {taken, "lo"}
    error = await node.refused("ADD")
    assert f"validateIfName: interface name {taken} already exists" in error.msg
    assert node.plugins.calls == []
    assert node.left() == []


async def test_a_pod_that_asks_for_what_is_not_installed_can_be_deleted() -> None:
    """F22, F90: nothing has run, so no DEL has to; it could not, and the pod would stay for ever."""
    node = Node()
    node.network("b", chain=("x", "y"))
    node.networks("a")
    node.pod("a,b")
    node.plugins.missing = {"y"}
    error = await node.refused("ADD")
    assert error.msg == (
        '[default/pod/uid-1:b]: error adding container to network "b": plugin type="y" failed (add): '
        'failed to find plugin "y" in path [/opt/cni/bin]'
    )
    assert node.plugins.made() == []
    assert node.left() == []
    await node.delete()


async def test_the_plan_is_on_record_before_the_first_plugin_runs() -> None:
    """F13: so that every ADD can be undone, after any crash."""
    node = Node()
    node.networks("a", "b")
    held = node.plugins.hold("ADD", "eth0")
    async with held.while_waiting(node.add()):
        assert node.recorded() == ["eth0", "net1", "net2"]
    assert len(node.records.writes) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(
            lambda node: setattr(node.records, "store_error", AttachmentError("disk full", code=5)), id="disk"
        ),
        pytest.param(lambda node: setattr(node.cluster, "error", ClusterError("no route")), id="cluster"),
        pytest.param(lambda node: node.pod("a,missing"), id="missing-definition"),
        pytest.param(lambda node: node.network("a", "{"), id="malformed-definition"),
        pytest.param(lambda node: node.pod("[{}]"), id="malformed-annotation"),
        pytest.param(lambda node: node.pod("a@x,a@x"), id="name-twice"),
    ],
)
async def test_what_fails_before_the_first_plugin_leaves_nothing(spoil: Any) -> None:
    """F13: also a record that cannot be written stops the ADD."""
    node = Node()
    node.networks("a")
    spoil(node)
    await node.refused("ADD")
    assert node.plugins.calls == []
    assert node.left() == []


async def test_the_hosts_own_namespace_is_no_pods() -> None:
    """Spec section 1.2: code 8, and nothing has run."""
    node = Node()
    error = await node.refused("ADD", netns=node.kernel.own_namespace)
    assert error.code == Code.INVALID_NETNS
    assert node.plugins.calls == []


async def test_the_override_allows_the_hosts_own_namespace() -> None:
    """Spec section 1.2."""
    node = Node()
    await node.add(netns=node.kernel.own_namespace, CNI_NETNS_OVERRIDE="1")
    assert node.plugins.made() == ["ADD bridge eth0"]


async def test_caches_are_below_the_merged_cni_dir() -> None:
    """F13, F64."""
    node = Node(netconf={"cniDir": "/runtime"}, cniDir="/daemon")
    await node.add()
    assert {folder for folder, stores in node.stores.items() if any(s.files for s in stores)} == {"/daemon"}
    assert STATE not in {folder for folder, (records, _, _) in node.stores.items() if records.writes}


@pytest.mark.parametrize("version", ["0.3.1", "1.1.0"])
async def test_a_list_without_a_version_has_one_for_add_and_del(version: str) -> None:
    """S37: that of the node's own configuration."""
    node = Node(netconf={"cniVersion": version})
    node.network("a", json.dumps({"plugins": [{"type": "x"}, {"type": "y"}]}))
    node.pod("a")
    await node.add()
    await node.delete()
    versions = {str(call): call.conf["cniVersion"] for call in node.plugins.calls if call.ifname == "net1"}
    assert versions == dict.fromkeys(["ADD x net1", "ADD y net1", "DEL y net1", "DEL x net1"], version)
