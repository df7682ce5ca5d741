"""Device information on its way from the device plugin to the plugins and into the network status (F42, F50)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.core.plan import DEVICE_INFO_DIR
from plurimus.model import deviceinfo

from .fakes import Call
from .world import CONTAINER, NETNS, Node

VF, DEVICE = "example.com/vf", "0000:18:02.5"
INFO = deviceinfo.parse(b'{"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:18:02.5"}}')
STALE = INFO.with_block("pci", {"pci-address": "another"})
FILE = f"{DEVICE_INFO_DIR}/default-rail-{CONTAINER}_net1"


def rail_node(**keys: Any) -> Node:
    """A node with a network that takes a device, whose plugin told of it."""
    node = Node()
    node.network("rail", resource=VF, **keys)
    node.pod("rail")
    node.cluster.devices = {VF: [DEVICE]}
    node.infos.offers[VF, DEVICE] = INFO
    return node


def shown(node: Node) -> list[Any]:
    (_, status) = node.cluster.statuses[-1]
    return [element.get("device-info") for element in json.loads(status)]


async def test_what_the_device_plugin_tells_is_in_the_file_at_add_in_the_status_and_gone_after_del() -> None:
    """F42, F50: of the element that has the device, and no other."""
    node = rail_node()
    node.infos.files[FILE] = STALE
    seen = {}

    def answer(call: Call) -> object:
        seen["at ADD"] = dict(node.infos.files)
        return {"cniVersion": "1.0.0", "interfaces": [{"name": call.ifname, "sandbox": NETNS}]}

    node.plugins.answers["rail"] = answer
    await node.add()
    assert seen["at ADD"] == {FILE: INFO}
    assert shown(node) == [None, INFO.document]
    await node.delete()
    assert node.infos.files == {}


async def test_what_the_plugin_adds_to_the_file_is_shown() -> None:
    """F42; a plugin may also write it where the device plugin tells nothing."""
    node = rail_node()
    node.infos.offers.clear()
    more = INFO.with_block("pci", {"rdma-device": "mlx5_3"})

    def answer(call: Call) -> object:
        node.infos.files[FILE] = more
        return {"cniVersion": "1.0.0", "interfaces": [{"name": call.ifname, "sandbox": NETNS}]}

    node.plugins.answers["rail"] = answer
    await node.add()
    assert shown(node) == [None, more.document]


async def test_nothing_of_an_earlier_attachment_is_shown() -> None:
    """Its name is the same where an ADD is tried again."""
    node = rail_node()
    node.infos.offers.clear()
    node.infos.files[FILE] = STALE
    await node.add()
    assert shown(node) == [None, None]
    assert node.infos.files == {}


async def test_a_failed_add_leaves_no_file() -> None:
    """F42: also of networks that were attached."""
    node = rail_node()
    node.network("last")
    node.pod("rail,last")
    node.plugins.fail("ADD", "net2")
    await node.refused("ADD")
    assert node.infos.files == {}
    assert node.left() == []


async def test_a_del_that_fails_keeps_the_file_for_the_next() -> None:
    node = rail_node()
    await node.add()
    node.plugins.fail("DEL", "net1", times=1)
    await node.refused("DEL")
    assert node.infos.files == {FILE: INFO}
    await node.delete()
    assert node.infos.files == {}


async def test_gc_takes_the_file_of_a_sandbox_nobody_knows() -> None:
    node = rail_node()
    await node.add()
    await node.call("GC", {"cni.dev/valid-attachments": []})
    assert node.infos.files == {}


async def test_a_file_that_cannot_be_written_fails_the_add_of_a_plugin_that_reads_it() -> None:
    """Never a plugin that reads nothing, or another device's."""
    node = rail_node(capabilities={"CNIDeviceInfoFile": True})
    node.infos.errors["store"] = AttachmentError("cannot write it: No space left on device")
    error = await node.refused("ADD")
    assert "the device information the plugin is to read: cannot write it: No space left on device" in error.msg
    assert "default/pod" in error.msg
    assert "rail" in error.msg
    assert node.left() == []


@pytest.mark.parametrize("method", ["offered", "store", "load", "remove"])
async def test_a_plugin_that_reads_no_file_does_not_depend_on_it(method: str) -> None:
    node = rail_node()
    node.infos.errors[method] = AttachmentError("cannot use it")
    await node.add()
    assert shown(node) == [None, None if method != "remove" else INFO.document]
    await node.delete()
    assert node.left() == []


async def test_a_device_of_the_annotation_alone_has_a_file_and_nothing_in_it() -> None:
    """Spec section 5.5: there is no resource to look under."""
    node = rail_node()
    node.network("plain", capabilities={"CNIDeviceInfoFile": True, "deviceID": True})
    node.pod([{"name": "plain", "deviceID": DEVICE}])
    await node.add()
    (call,) = [call for call in node.plugins.calls if call.kind == "plain"]
    path = f"{DEVICE_INFO_DIR}/default-plain-{CONTAINER}_net1"
    assert call.conf["runtimeConfig"] == {"deviceID": DEVICE, "CNIDeviceInfoFile": path}
    assert shown(node) == [None, None]
