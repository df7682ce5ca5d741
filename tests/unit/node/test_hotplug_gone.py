"""`/delegate`'s ADD of what is on record and not there: in the pod, in part, in the cache, its namespace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plurimus.cni.errors import PlurimusError

from .test_hotplug import NET9, call, running
from .test_hotplug_again import OTHER, refusal, told
from .world import CONTAINER, NETNS, Node


def lose_link(node: Node, ifname: str = "net9") -> None:
    """Somebody deletes the interface in the pod."""
    node.plugins.attached.discard((CONTAINER, NETNS, ifname))


def reported(link: dict[str, str]) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "interfaces": [link]}


async def test_one_whose_interface_is_not_there_is_refused_until_it_is_deleted() -> None:
    """It may only have another name by now, which its pod gave it."""
    node = await running()
    await call(node, "ADD")
    lose_link(node)
    assert "interface name net9 is taken: it is of network 'nine', of which net9 is missing" in await refusal(
        node, NET9
    )
    assert "'other'" in await refusal(node, OTHER)
    await call(node, "DEL")
    await call(node, "ADD")
    assert node.plugins.made() == ["DEL nine net9", "ADD nine net9"]
    assert node.recorded() == ["eth0", "net1", "net9"]
    await node.delete()
    assert node.left() == []


@pytest.mark.parametrize("key", ["deviceID", "pciBusID"])
async def test_a_device_with_a_driver_in_userspace_is_answered_again_and_stays(key: str) -> None:
    """Its plugin tells of an interface that is none: nothing says that it has gone."""
    node = await running()
    node.plugins.answers["nine"] = lambda _: reported({"name": "net9", "sandbox": NETNS})
    config = NET9 | {key: "0000:01:00.1"}
    first = told(await call(node, "ADD", config))
    lose_link(node)
    node.plugins.calls.clear()
    assert told(await call(node, "ADD", config)) == first
    assert node.plugins.made() == []
    assert "'other'" in await refusal(node, OTHER)
    node.results.files.clear()
    assert "its result is not in the cache" in await refusal(node, config)


@pytest.mark.parametrize("ifname", ["eth0", "net1"])
@pytest.mark.parametrize("lost", [False, True])
async def test_what_the_pod_was_made_with_makes_no_way_though_its_interface_is_not_there(
    ifname: str, lost: bool
) -> None:
    """Nor where the record is lost, and nobody says which network is the default one."""
    node = await running()
    lose_link(node, ifname)
    if lost:
        node.records.files.clear()
    words = await refusal(node, OTHER, ifname=ifname)
    assert f"interface name {ifname} is taken: it is of network" in words
    assert "'other'" in words


async def test_one_of_which_a_part_has_gone_is_neither_answered_nor_taken() -> None:
    node = await running()
    links = [{"name": name, "sandbox": NETNS} for name in ("net9", "net9.5")]
    node.plugins.answers["nine"] = lambda _: {"cniVersion": "1.0.0", "interfaces": links}
    node.kernel.taken = {"net9.5"}
    first = told(await call(node, "ADD"))
    assert told(await call(node, "ADD")) == first
    node.kernel.taken = set()
    assert "net9.5 is missing" in await refusal(node, NET9)
    node.kernel.taken = {"net9.5"}
    lose_link(node)
    assert "net9 is missing" in await refusal(node, NET9)


@pytest.mark.parametrize("made", [{"cniVersion": "1.0.0"}, reported({"name": "host9"})])
async def test_one_that_makes_no_interface_in_the_pod_is_answered_again(made: dict[str, Any]) -> None:
    node = await running()
    node.plugins.answers["nine"] = lambda _: made
    first = told(await call(node, "ADD"))
    lose_link(node)
    node.plugins.calls.clear()
    assert told(await call(node, "ADD")) == first
    assert node.plugins.made() == []
    assert "'other'" in await refusal(node, OTHER)


@pytest.mark.parametrize("lost", ["the file", "all of it", "its sense"])
async def test_one_whose_result_is_lost_is_refused(lost: str) -> None:
    node = await running()
    await call(node, "ADD")
    (name,) = [name for name in node.results.files if name.endswith("net9")]
    if lost == "the file":
        del node.results.files[name]
    else:
        left = {"ips": [{"address": "nowhere"}]} if lost == "its sense" else None
        node.results.files[name] = replace(node.results.files[name], result=left)
    words = await refusal(node, NET9)
    assert "interface name net9 already exists" in words
    assert "its result is not in the cache" in words


async def test_a_namespace_that_is_another_by_now_gets_nothing_and_loses_nothing() -> None:
    """Its interfaces are another pod's, whatever their names."""
    node = await running()
    await call(node, "ADD")
    node.kernel.cookies[NETNS] = "another"
    for config in (NET9, OTHER):
        assert f"{NETNS} is another namespace than the one the sandbox was made in" in await refusal(node, config)


async def test_one_that_was_cut_short_is_not_undone_in_a_namespace_that_is_another_by_now() -> None:
    node = await running()
    node.plugins.fail("ADD", "net9", times=1)
    node.plugins.fail("DEL", "net9", times=1)
    with pytest.raises(PlurimusError):
        await call(node, "ADD")
    node.kernel.cookies[NETNS] = "another"
    assert "another namespace" in await refusal(node, NET9)
