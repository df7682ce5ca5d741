"""libcni's result cache, one JSON file per attachment: its name and its content.

DEL and CHECK need what ADD was given and what it answered; plugins get the answer as
`prevResult`.  Other tools read these files, so the format is the reference library's.
Reading and writing the files is done by `plurimus.adapters.results`.

Spec section 1.5, "Result cache".
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from plurimus.cni import gojson
from plurimus.cni.args import Pairs

KIND = "cniCacheV1"
_KEYS = ("kind", "containerId", "config", "ifName", "networkName", "netns", "cniArgs", "capabilityArgs", "result")


@dataclass(frozen=True, slots=True)
class CachedAttachment:
    """What ADD was given and what it answered; `result` is the object of the last plugin as printed."""

    network: str
    container_id: str
    ifname: str
    config: bytes
    netns: str = ""
    args: Pairs = ()
    capability_args: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None

    @property
    def file_name(self) -> str:
        return file_name(self.network, self.container_id, self.ifname)

    def encode(self) -> bytes:
        """The file's content; empty fields are left out, as the reference library does."""
        document: dict[str, Any] = {
            "kind": KIND,
            "containerId": self.container_id,
            "config": base64.b64encode(self.config).decode(),
            "ifName": self.ifname,
            "networkName": self.network,
        }
        optional = {
            "netns": self.netns,
            "cniArgs": [list(pair) for pair in self.args],
            "capabilityArgs": dict(sorted(self.capability_args.items())),
            "result": gojson.ordered(self.result),
        }
        document |= {key: value for key, value in optional.items() if value}
        return gojson.escape_html(json.dumps(document, separators=(",", ":"), ensure_ascii=False)).encode()


def file_name(network: str, container_id: str, ifname: str) -> str:
    return f"{network}-{container_id}-{ifname}"


def decode(content: bytes) -> CachedAttachment:
    """Read a cache file; one of another kind is a bare result, as old libraries wrote it.

    Raises:
        ValueError: the file is torn or no cache file.
    """
    raw = gojson.fold(gojson.decode(content), _KEYS)
    if raw.get("kind") != KIND:
        return CachedAttachment("", "", "", b"", result=raw)
    texts = [raw.get(key) or "" for key in ("networkName", "containerId", "ifName", "config", "netns")]
    pairs, capability_args, result = raw.get("cniArgs") or [], raw.get("capabilityArgs") or {}, raw.get("result")
    if (
        not all(isinstance(text, str) for text in texts)
        or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
        or not isinstance(capability_args, dict)
        or not isinstance(result or {}, dict)
    ):
        raise ValueError("a key of the cache file has the wrong type")
    network, container_id, ifname, config, netns = texts
    args = tuple((str(key), str(value)) for key, value in pairs)
    return CachedAttachment(
        network, container_id, ifname, base64.b64decode(config, validate=True), netns, args, capability_args, result
    )
