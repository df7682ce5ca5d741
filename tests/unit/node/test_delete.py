"""DEL replays the record backwards, whatever else is missing; what fails is reported and kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plurimus.adapters.records import RecordFiles
from plurimus.cni.errors import ClusterError

from . import multus
from .world import CONTAINER, NETNS, Node

Spoil = Callable[[Node], object]


async def attached() -> Node:
    node = Node()
    node.networks("a", "b")
    await node.add()
    node.plugins.calls.clear()
    return node


async def test_everything_goes_in_reverse_order() -> None:
    """F2."""
    node = await attached()
    await node.delete()
    assert node.plugins.made() == ["DEL b net2", "DEL a net1", "DEL bridge eth0"]
    assert node.left() == []


async def test_a_second_del_finds_nothing_to_do() -> None:
    """CNI spec, DEL: runtimes repeat it."""
    node = await attached()
    await node.delete()
    node.plugins.calls.clear()
    await node.delete()
    assert node.plugins.made() == []


async def test_a_sandbox_nobody_knows_is_deleted_without_asking_anybody() -> None:
    """F2: what was never recorded was never attached; networks are not looked up anew."""
    node = Node()
    node.networks("a", "b")
    await node.delete()
    assert node.plugins.made() == []
    assert node.cluster.asked == []


async def test_half_a_record_of_a_sandbox_nobody_knows_is_removed(tmp_path: Path) -> None:
    """F2: what a daemon left that was killed while it wrote it, before it did anything else."""
    node = Node()
    node.world = replace(node.world, records=lambda _: RecordFiles(tmp_path))
    node.restart()
    (tmp_path / f".{CONTAINER}.tmp").write_text("half of")
    await node.delete()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("netns", ["", "/run/netns/another"])
async def test_the_namespace_is_what_the_runtime_says_now(netns: str) -> None:
    """F2: it may have gone, and its old path may be another's by now."""
    node = await attached()
    node.kernel.cookies["/run/netns/another"] = await node.kernel.cookie(NETNS)  # it has another path by now
    await node.delete(netns=netns)
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls} == {netns}


async def test_a_namespace_that_is_another_pods_is_none_to_the_plugins() -> None:
    node = await attached()
    node.kernel.cookies[NETNS] = "another"
    await node.delete()
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls} == {""}
    assert node.left() == []


async def test_a_namespace_that_left_its_file_is_as_good_as_none() -> None:
    """F2: plugins would take the file for a failure and free nothing."""
    node = await attached()
    node.kernel.leftovers = {NETNS}
    await node.delete()
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls} == {""}
    assert node.left() == []


async def test_what_changed_since_the_add_does_not_matter() -> None:
    """F2, F13: definitions, annotation, the node's configuration."""
    node = await attached()
    node.cluster.definitions.clear()
    node.pod("c")
    node.netconf |= {"clusterNetwork": "", "delegates": [{"name": "x", "type": "other"}]}
    await node.delete()
    assert node.plugins.made() == ["DEL b net2", "DEL a net1", "DEL bridge eth0"]


async def test_all_are_tried_and_only_what_failed_stays() -> None:
    """F2, F24."""
    node = await attached()
    node.plugins.fail("DEL", "net2", times=1)
    node.plugins.fail("DEL", "eth0", times=2)
    error = await node.refused("DEL")
    assert error.msg.startswith("Multus: [default/pod/uid-1]: errors: [default/pod/uid-1:b]: error deleting")
    assert node.recorded() == ["eth0", "net2"]
    node.plugins.calls.clear()
    await node.refused("DEL")
    assert node.plugins.made() == ["DEL b net2", "DEL bridge eth0"]
    assert node.recorded() == ["eth0"]
    await node.delete()
    assert node.left() == []


async def test_a_failed_del_keeps_its_cached_result() -> None:
    """F2: the next DEL hands it over again."""
    node = await attached()
    node.plugins.fail("DEL", "net1", times=1)
    await node.refused("DEL")
    assert list(node.results.files) == ["a-cid1-net1"]
    node.plugins.calls.clear()
    await node.delete()
    assert "prevResult" in node.plugins.calls[0].conf


async def test_a_chain_stops_at_its_first_failure_and_begins_again() -> None:
    """F2, spec section 1.5: plugins before the failed one need what it still has."""
    node = Node()
    node.network("a", chain=("x", "y", "z"))
    node.pod("a")
    await node.add()
    node.plugins.calls.clear()
    node.plugins.fail("DEL", kind="y", times=1)
    assert 'plugin type="y" failed (delete): ' in (await node.refused("DEL")).msg
    assert node.plugins.made() == ["DEL z net1", "DEL y net1", "DEL bridge eth0"]
    node.plugins.calls.clear()
    await node.delete()
    assert node.plugins.made() == ["DEL z net1", "DEL y net1", "DEL x net1"]


async def test_a_missing_readiness_file_does_not_keep_a_del() -> None:
    """F21."""
    node = await attached()
    node.netconf["readinessindicatorfile"] = "/nonexistent/ready"
    await node.delete()
    assert node.left() == []


def _no_record(node: Node) -> None:
    del node.records.files[CONTAINER]


def _record(content: bytes) -> Spoil:
    return lambda node: node.records.files.update({CONTAINER: content})


def _later_format(node: Node) -> None:
    elements = json.loads(node.records.files[CONTAINER])
    for element in elements:
        element["plurimus"] = {"format": 99, "pod": "somewhere else"}
    node.records.files[CONTAINER] = json.dumps(elements).encode()


def _by_multus(node: Node) -> None:
    elements = json.loads(node.records.files[CONTAINER])
    for element in elements:
        del element["plurimus"]
    node.records.files[CONTAINER] = json.dumps(elements).encode()


RECORDS = {
    "intact": lambda _: None,
    "missing": _no_record,
    "torn": _record(b'[{"Conf": {"na'),
    "no-bytes": _record(b""),
    "null": _record(b"null"),
    "empty-list": _record(b"[]"),
    "null-element": _record(b"[null]"),
    "object": _record(b"{}"),
    "by-multus": _by_multus,
    "later-format": _later_format,
}
CLUSTERS: dict[str, Spoil] = {
    "pod-there": lambda _: None,
    "pod-gone": lambda node: node.cluster.pods.clear(),
    "pod-replaced": lambda node: node.pod(uid="uid-2"),
    "cluster-away": lambda node: setattr(node.cluster, "error", ClusterError("no route to the API server")),
}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
async def test_del_needs_neither_record_nor_pod_nor_cluster(record: Spoil, cluster: Spoil) -> None:
    """F2, F56, S6, S32: the result cache is enough."""
    node = await attached()
    record(node)
    cluster(node)
    await node.delete()
    assert node.plugins.made() == ["DEL b net2", "DEL a net1", "DEL bridge eth0"]
    assert node.left() == []


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
async def test_one_plugin_that_has_gone_keeps_its_own_attachment_only(record: Spoil, cluster: Spoil) -> None:
    """F2, F24, S6, S32: it is reported, and its DEL is done once the plugin is there again."""
    node = await attached()
    record(node)
    cluster(node)
    node.plugins.missing = {"a"}
    error = await node.refused("DEL")
    assert 'error deleting container from network "a": failed to find plugin "a"' in error.msg
    assert node.plugins.made() == ["DEL b net2", "DEL a net1", "DEL bridge eth0"]
    assert node.recorded() == ["net1"]
    assert list(node.results.files) == ["a-cid1-net1"]
    node.plugins.missing.clear()
    await node.delete()
    assert node.left() == []


UNREADABLE = [name for name in RECORDS if name not in ("intact", "missing", "by-multus")]


@pytest.mark.parametrize("record", UNREADABLE)
async def test_a_record_that_cannot_be_read_is_kept_aside(record: str) -> None:
    """S6, S32: for a person, since it may name what no cache knows."""
    node = await attached()
    RECORDS[record](node)
    content = node.records.files[CONTAINER]
    await node.delete()
    assert node.records.aside == {CONTAINER: content}


async def test_a_record_that_the_disk_does_not_give_is_an_error() -> None:
    """S6: it is not mistaken for a missing one."""
    node = await attached()
    node.records.unreadable.add(CONTAINER)
    assert (await node.refused("DEL")).code == 5
    assert node.plugins.made() == []
    node.records.unreadable.clear()
    await node.delete()
    assert node.left() == []


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
async def test_a_sandbox_of_multus_is_deleted(cluster: Spoil, *, lossy: bool) -> None:
    """F13: also of a release whose scratch file lacks half of the configuration, which the cache has."""
    node = Node()
    await multus.leave(node, lossy=lossy)
    cluster(node)
    await node.delete()
    assert node.plugins.made() == multus.SCRATCH_DELS
    assert node.plugins.calls[0].conf["ipam"] == multus.MACVLAN["ipam"]
    assert node.plugins.calls[1].conf["capabilities"] == {"portMappings": True}
    assert node.left() == []
