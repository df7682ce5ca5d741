"""`/delegate`'s ADD once more, since its answer got lost: the same is answered, another is refused (decision 34)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni import result
from plurimus.cni.errors import Code, PlurimusError
from plurimus.node.context import Outcome
from plurimus.node.message import InterfaceAttributes

from .fakes import Call
from .test_hotplug import NET9, call, running
from .world import CONTAINER, NETNS, Node

OTHER: dict[str, Any] = {"cniVersion": "1.0.0", "name": "other", "type": "other"}
CHAIN: dict[str, Any] = {"cniVersion": "1.0.0", "name": "nine", "plugins": [{"type": "x"}, {"type": "y"}], "key": 1}
ASKED = InterfaceAttributes(ips=["10.1.0.2/24"], mac="02:00:00:00:00:09", cni_args={"x": 1})
CAPABLE = NET9 | {"capabilities": {"ips": True, "mac": True}}


def told(outcome: Outcome) -> dict[str, Any]:
    assert outcome.result is not None
    return result.dump(outcome.result, outcome.cni_version)


async def refusal(node: Node, config: dict[str, Any], **more: Any) -> str:
    """What an ADD is refused with; it calls no plugin and changes nothing."""
    before = (node.left(), dict(node.records.files))
    node.plugins.calls.clear()
    with pytest.raises(PlurimusError) as caught:
        await call(node, "ADD", config, **more)
    assert node.plugins.made() == []
    assert (node.left(), node.records.files) == before
    return str(caught.value)


def full_result(call: Call) -> dict[str, Any]:
    link = {"name": call.ifname, "sandbox": NETNS, "mac": "02:00:00:00:00:09", "mtu": 1400, "pciID": "0000:01:00.1"}
    links = [{"name": "host9", "mac": "02:00:00:00:00:08"}, link]
    return {"cniVersion": call.conf["cniVersion"], "interfaces": links,
            "ips": [{"address": "fd00::9/64", "interface": 1, "gateway": "fd00::1"}, {"address": "10.9.0.9/24"}],
            "routes": [{"dst": "fd01::/48", "gw": "fd00::2", "mtu": 1300, "table": 7}],
            "dns": {"nameservers": ["fd00::53"], "search": ["rail"]}}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "attributes"),
    [(NET9, None), (CAPABLE, ASKED), (CHAIN, ASKED)]
    + [(NET9 | {"cniVersion": version}, None) for version in ("0.2.0", "0.3.1", "0.4.0", "1.1.0")],
)
async def test_the_same_again_gets_the_same_answer_and_does_nothing(
    config: dict[str, Any], attributes: InterfaceAttributes | None
) -> None:
    node = await running()
    first = told(await call(node, "ADD", config, attributes=attributes))
    before = (node.left(), dict(node.records.files), list(node.cluster.events))
    node.plugins.calls.clear()
    assert told(await call(node, "ADD", config, attributes=attributes)) == first
    node.restart()
    assert told(await call(node, "ADD", config, attributes=attributes)) == first
    assert node.plugins.made() == []
    assert (node.left(), node.records.files, node.cluster.events) == before


async def test_all_of_a_result_is_answered_again() -> None:
    node = await running()
    node.plugins.answers["nine"] = full_result
    config = NET9 | {"cniVersion": "1.1.0"}
    assert told(await call(node, "ADD", config)) == told(await call(node, "ADD", config))


async def test_a_definition_that_is_only_spelled_anew_is_the_same() -> None:
    node = await running()
    config = CHAIN | {"more": {"a": 1, "b": [1, 2]}}
    first = told(await call(node, "ADD", config))
    again = {key: config[key] for key in reversed(config)} | {"more": {"b": [1, 2], "a": 1}}
    assert told(await call(node, "ADD", again)) == first


async def test_pairs_of_cni_args_in_another_order_are_the_same() -> None:
    node = await running()
    args = node.env("ADD")["CNI_ARGS"]
    first = told(await call(node, "ADD", CNI_ARGS=f"{args};A=1;B=2"))
    assert told(await call(node, "ADD", CNI_ARGS=f"{args};B=2;A=1")) == first


async def test_two_at_the_same_time_are_one() -> None:
    node = await running()
    held = node.plugins.hold("ADD", "net9")
    async with held.while_waiting(call(node, "ADD")) as first:
        second = call(node, "ADD")
        held.open()
        answer = told(await second)
    assert told(await first) == answer  # type: ignore[arg-type]
    assert node.plugins.made() == ["ADD nine net9"]


@pytest.mark.parametrize(
    ("config", "attributes", "differs"),
    [
        (CAPABLE | {"mtu": 9000}, ASKED, "another configuration"),
        ({"cniVersion": "1.0.0", "name": "nine", "plugins": [{"type": "nine"}]}, ASKED, "another configuration"),
        (CAPABLE, InterfaceAttributes(ips=ASKED.ips, mac=ASKED.mac), "another configuration"),
        (CAPABLE, InterfaceAttributes(ips=["10.1.0.3/24"], mac=ASKED.mac, cni_args={"x": 1}), "other addresses"),
        (CAPABLE, InterfaceAttributes(ips=ASKED.ips, cni_args={"x": 1}), "other addresses"),
    ],
)
async def test_another_request_of_the_network_is_refused_with_what_differs(
    config: dict[str, Any], attributes: InterfaceAttributes, differs: str
) -> None:
    node = await running()
    await call(node, "ADD", CAPABLE, attributes=ASKED)
    words = await refusal(node, config, attributes=attributes)
    assert "interface name net9 already exists" in words
    assert f"of network 'nine', which was added with {differs}" in words
    assert "DEL" in words
    assert not any(value in words for value in ("9000", "10.1.0.", "02:00:00"))


async def test_other_pairs_of_cni_args_are_another_request_and_are_not_told() -> None:
    node = await running()
    args = node.env("ADD")["CNI_ARGS"]
    await call(node, "ADD", CNI_ARGS=f"{args};A=geheim")
    words = await refusal(node, NET9, CNI_ARGS=f"{args};A=secret")
    assert "other CNI_ARGS" in words
    assert not any(value in words for value in ("geheim", "secret"))


async def test_another_network_at_the_interface_is_refused_with_both_names() -> None:
    node = await running()
    await call(node, "ADD")
    words = await refusal(node, OTHER)
    assert "interface name net9 already exists" in words
    assert "'nine'" in words
    assert "'other'" in words


@pytest.mark.parametrize("ifname", ["eth0", "net1"])
async def test_what_the_pod_was_made_with_is_nobodys_hot_plug(ifname: str) -> None:
    """Its status tells of it; who plugs it in as well is told so."""
    node = await running()
    before = json.loads(node.records.files[CONTAINER])
    own = {"eth0": {"cniVersion": "1.1.0", "name": "cbr0", "type": "bridge"},
           "net1": {"cniVersion": "1.0.0", "name": "a", "type": "a"}}[ifname]  # fmt: skip
    words = await refusal(node, own, ifname=ifname)
    assert f"interface name {ifname} already exists" in words
    assert json.loads(node.records.files[CONTAINER]) == before


async def test_a_del_of_another_network_than_has_the_interface_takes_nothing() -> None:
    """The controller has what it could not add deleted, and a plugin goes by the name of the interface."""
    node = await running()
    await call(node, "ADD")
    before = (node.left(), dict(node.records.files))
    node.plugins.calls.clear()
    for name in ("net9", "net1", "eth0"):
        await call(node, "DEL", OTHER, ifname=name)
    assert node.plugins.made() == []
    assert (node.left(), node.records.files) == before


async def test_an_interface_that_nobody_recorded_is_refused_as_before() -> None:
    node = await running()
    node.kernel.taken = {"net9"}
    assert (await refusal(node, NET9)).endswith("validateIfName: interface name net9 already exists")


async def test_one_that_was_taken_meanwhile_is_made_anew() -> None:
    node = await running()
    await call(node, "ADD")
    await call(node, "DEL")
    node.plugins.calls.clear()
    await call(node, "ADD")
    assert node.plugins.made() == ["ADD nine net9"]


async def test_the_pod_must_still_exist() -> None:
    node = await running()
    await call(node, "ADD")
    node.cluster.pods.clear()
    with pytest.raises(PlurimusError) as caught:
        await call(node, "ADD")
    assert caught.value.code == Code.TRY_AGAIN_LATER
