"""DEL of a sandbox of Multus goes by its scratch file and the result cache together.  Spec section 6.4."""

from __future__ import annotations

import base64
import json
from typing import Any

from . import multus
from .multus import cached
from .world import CONTAINER, NETNS, Node

FIRST: dict[str, Any] = {"type": "flannel", "own": "a"}
APPENDED: dict[str, Any] = {"type": "portmap", "own": "b"}


def text(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


async def test_plugins_appended_from_a_sub_directory_are_deleted_although_the_cache_lacks_them() -> None:
    """F9, F13.  Spec section 6.4: the cache has the list as it stands in its file."""
    node = Node()
    plugins = [{"Network": {"type": plugin["type"]}, "Bytes": text(plugin)} for plugin in (FIRST, APPENDED)]
    chain = {"Name": "cbr0", "CNIVersion": "1.0.0", "Plugins": plugins}
    lossy = {"cniVersion": "1.0.0", "name": "cbr0", "plugins": [{"type": "flannel"}, {"type": "portmap"}]}
    element = {"Name": "cbr0", "ConfList": lossy, "CNINetworkConfigList": chain, "Bytes": text(lossy)}
    node.records.files[CONTAINER] = json.dumps([element]).encode()
    inlined = {"cniVersion": "1.0.0", "name": "cbr0", "plugins": [FIRST]}
    await node.results.store(cached(inlined, "eth0"))
    node.plugins.attached.add((CONTAINER, NETNS, "eth0"))
    await node.delete()
    assert [(call.conf["type"], call.conf["own"]) for call in node.plugins.calls] == [
        ("portmap", "b"),
        ("flannel", "a"),
    ]
    assert node.left() == []


async def test_what_was_plugged_into_a_running_sandbox_is_deleted_first_although_the_scratch_file_lacks_it() -> None:
    """S10, F13."""
    node = Node()
    await multus.leave(node)
    await node.results.store(cached({"cniVersion": "1.0.0", "name": "plugged", "type": "bridge"}, "plug0"))
    node.plugins.attached.add((CONTAINER, NETNS, "plug0"))
    await node.delete()
    assert node.plugins.made() == ["DEL bridge plug0", *multus.SCRATCH_DELS]
    assert node.left() == []
