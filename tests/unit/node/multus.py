"""What Multus leaves on a node: its scratch file of a sandbox, and libcni's cache beside it.  Spec section 6.4."""

from __future__ import annotations

import base64
import json
from typing import Any

from plurimus.cni.cache import CachedAttachment

from .world import CONTAINER, NETNS, Node

CBR0: dict[str, Any] = {
    "cniVersion": "0.3.1",
    "name": "cbr0",
    "plugins": [{"type": "flannel"}, {"type": "portmap", "capabilities": {"portMappings": True}}],
}
MACVLAN: dict[str, Any] = {
    "cniVersion": "0.4.0",
    "name": "a",
    "type": "macvlan",
    "master": "rail0",
    "ipam": {"type": "whereabouts", "range": "10.1.0.0/24"},
}
SCRATCH_DELS = ["DEL macvlan net1", "DEL portmap eth0", "DEL flannel eth0"]


def scratch_file(*, lossy: bool = False) -> bytes:
    """Of a sandbox with a list as default network and one more; `lossy` as releases up to 4.3.0 wrote lists."""
    whole = {"Conf": {"ipam": {}, "dns": {}}, "IsFilterV4Gateway": False, "IsFilterV6Gateway": False}
    lists = [{"type": plugin["type"], "ipam": {}, "dns": {}} for plugin in CBR0["plugins"]]
    conf_list = {"cniVersion": "0.3.1", "name": "cbr0", "plugins": lists}
    macvlan = {**MACVLAN, "ipam": {"type": "whereabouts"}, "dns": {}} if lossy else MACVLAN
    elements = [
        whole | {"ConfList": conf_list, "Name": "cbr0", "Bytes": _text(conf_list if lossy else CBR0)},
        whole | {"ConfList": {}, "Name": "default/a", "Bytes": _text(macvlan), "Conf": macvlan},
    ]
    return json.dumps(elements).encode()


def cached(config: dict[str, Any], ifname: str) -> CachedAttachment:
    """What libcni cached of one attachment."""
    result = {"cniVersion": config["cniVersion"], "ips": [{"version": "4", "address": "10.1.0.2/24"}], "dns": {}}
    return CachedAttachment(
        config["name"], CONTAINER, ifname, json.dumps(config).encode(), NETNS, (("IgnoreUnknown", "true"),), {}, result
    )


async def leave(node: Node, *, lossy: bool = False) -> None:
    """Make it look as if Multus had attached the sandbox."""
    node.records.files[CONTAINER] = scratch_file(lossy=lossy)
    for config, ifname in ((CBR0, "eth0"), (MACVLAN, "net1")):
        await node.results.store(cached(config, ifname))
        node.plugins.attached.add((CONTAINER, NETNS, ifname))


def _text(document: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()
