"""`/delegate`'s ADD of what is on record and has gone: from the pod, in part, from the cache, with its namespace."""

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


async def test_an_interface_that_has_gone_is_made_anew_once_what_was_left_of_it_is_undone() -> None:
    node = await running()
    first = told(await call(node, "ADD"))
    lose_link(node)
    node.plugins.calls.clear()
    assert told(await call(node, "ADD")) != first
    assert node.plugins.made() == ["DEL nine net9", "ADD nine net9"]
    assert node.recorded() == ["eth0", "net1", "net9"]
    await node.delete()
    assert node.left() == []


async def test_an_interface_that_has_gone_makes_way_for_another_network() -> None:
    node = await running()
    await call(node, "ADD")
    lose_link(node)
    node.plugins.calls.clear()
    await call(node, "ADD", OTHER)
    assert node.plugins.made() == ["DEL nine net9", "ADD other net9"]
    assert node.recorded() == ["eth0", "net1", "net9"]


async def test_what_is_left_of_one_that_has_gone_and_cannot_be_undone_stays_on_record() -> None:
    node = await running()
    await call(node, "ADD")
    lose_link(node)
    node.plugins.fail("DEL", "net9", times=1)
    with pytest.raises(PlurimusError, match="no DEL of net9 today"):
        await call(node, "ADD")
    assert node.recorded() == ["eth0", "net1", "net9"]
    await node.delete()
    assert node.left() == []


async def test_the_pods_default_network_makes_no_way_though_its_interface_has_gone() -> None:
    node = await running()
    lose_link(node, "eth0")
    words = await refusal(node, OTHER, ifname="eth0")
    assert "interface name eth0 is taken: it is of network 'kube-system/cbr0'" in words
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
