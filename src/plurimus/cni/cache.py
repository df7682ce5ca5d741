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

import msgspec

from plurimus.cni import gojson
from plurimus.cni.args import Pairs

KIND = "cniCacheV1"
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class _File(msgspec.Struct, frozen=True, rename="camel"):
    """The keys of a file and their types; `config` is base64."""

    network_name: str = ""
    container_id: str = ""
    if_name: str = ""
    config: str = ""
    netns: str = ""
    cni_args: list[tuple[str, str]] = []
    capability_args: dict[str, Any] = {}
    result: dict[str, Any] | None = None


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
        }
        document |= {key: value for key, value in optional.items() if value}
        text = gojson.escape_html(_ENCODER.encode(document))
        if self.result:
            text = f'{text[:-1]},"result":{gojson.encode(self.result)}}}'
        return text.encode()


def file_name(network: str, container_id: str, ifname: str) -> str:
    return f"{network}-{container_id}-{ifname}"


def decode(content: bytes) -> CachedAttachment:
    """Read a cache file; one of another kind is a bare result, as old libraries wrote it.

    Raises:
        ValueError: the file is torn or no cache file.
    """
    raw = gojson.decode_object(content)
    if gojson.fold(raw, ("kind",)).get("kind") != KIND:
        return CachedAttachment("", "", "", b"", result=raw)
    file = gojson.convert(raw, _File)
    return CachedAttachment(
        file.network_name,
        file.container_id,
        file.if_name,
        base64.b64decode(file.config, validate=True),
        file.netns,
        tuple(file.cni_args),
        file.capability_args,
        file.result,
    )
