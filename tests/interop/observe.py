"""What one ADD made, in a form in which two programs can be compared: random names are told by what they are of."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.node import snapshot
from tests.node.runtime import Sandbox

from .node import SharedNode

_VETH = re.compile(r"\bveth[0-9a-f]{8}\b")


@dataclass(frozen=True, slots=True)
class Made:
    """`cache` is libcni's, by file; `record` the scratch file; `pod` what the kernel has in the pod's namespace."""

    result: str
    status: str
    events: list[tuple[str, str]]
    cache: dict[str, str]
    record: list[dict[str, Any]]
    pod: dict[str, Any]

    def configs(self) -> dict[str, Any]:
        """The configurations in the cache, decoded: how their JSON is spelled is free."""
        return {name: json.loads(base64.b64decode(json.loads(text)["config"])) for name, text in self.cache.items()}

    def cache_without(self, *keys: str) -> dict[str, str]:
        """The cache's texts with the values of some keys left out."""
        return {name: _without(text, keys) for name, text in self.cache.items()}


def make(node: SharedNode, pod: Sandbox, way: str) -> Made:
    """ADD by `way`, look, DEL by ours; the next ADD gets the same addresses."""
    answer = pod.call("ADD", **node.ways[way])
    assert answer.status == 0, answer.stdout.decode()
    pod.result = answer.document
    made = look(node, pod, way, answer.stdout.decode())
    pod.delete()
    node.api.store.clear("events")
    for path in node.ipam.rglob("last_reserved_ip.*"):
        path.unlink()
    return made


def look(node: SharedNode, pod: Sandbox, way: str, result: str = "") -> Made:
    names = {link["address"]: f"<address of {name}>" for name, link in pod.links().items()}
    names |= {link["address"]: "<address of veth>" for name, link in node.links().items() if _VETH.match(name)}
    cache = {path.name: _told(path.read_text(), names) for path in sorted((node.state / "results").iterdir())}
    inside = snapshot.kernel(pod.name)
    inside["addresses"] = pod.addresses()
    inside["routes"] = [route for route in inside["routes"] if "fe80:" not in str(route)]
    return Made(
        result=_told(result, names),
        status=_told(node.status(pod, way), names),
        events=node.events(pod, way, 0 if way == "thin" else sum(map(_has_event, cache.values()))),
        cache=cache,
        record=json.loads(pod.record.read_bytes()),
        pod=json.loads(_told(json.dumps(inside), names)),
    )


def _has_event(cached: str) -> bool:
    """Whether there is an event of an attachment: if its result has links or addresses (F44)."""
    return bool({"interfaces", "ips", "ip4", "ip6"}.intersection(json.loads(cached)["result"]))


def _told(text: str, names: dict[str, str]) -> str:
    for name, meaning in names.items():
        text = text.replace(name, meaning)
    return _VETH.sub("<veth>", text)


def _without(text: str, keys: tuple[str, ...]) -> str:
    for key in keys:
        value = json.dumps(json.loads(text)[key], separators=(",", ":"), ensure_ascii=False)
        assert f'"{key}":{value},' in text
        text = text.replace(f'"{key}":{value},', "")
    return text
