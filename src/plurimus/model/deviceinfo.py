"""Device information: what a device plugin, or a CNI plugin, tells of one device in a file.

Keys of the specification come first, in its order, as they do in the network status; what else is there stays behind
them, so nothing is lost on the way from one program to another.

Device information specification 1.1; spec section 5.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plurimus.cni import gojson

_FUNCTION = ("pci-address", "pf-pci-address", "representor-device")
BLOCKS: Mapping[str, tuple[str, ...]] = {
    "pci": ("pci-address", "vhost-net", "rdma-device", "pf-pci-address", "representor-device"),
    "vdpa": ("parent-device", "driver", "path", *_FUNCTION),
    "vhost-user": ("mode", "path"),
    "memif": ("role", "path", "mode"),
}
"""What there may be of each type, under the type's name."""


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """`document` is the JSON object, its keys in the order they are written in."""

    document: Mapping[str, Any]

    def block(self, name: str) -> Mapping[str, Any]:
        """The object under a key; empty where there is none."""
        found = self.document.get(name)
        return found if isinstance(found, dict) else {}

    def with_block(self, name: str, values: Mapping[str, Any]) -> DeviceInfo:
        """The same with `values` laid over the object under a key."""
        return DeviceInfo(_ordered({**self.document, name: {**self.block(name), **values}}))

    def encode(self) -> bytes:
        return gojson.escape_html(json.dumps(self.document, separators=(",", ":"), ensure_ascii=False)).encode()


def parse(content: bytes) -> DeviceInfo:
    """Read a file of any version 1.x; one without a version counts as such.

    Raises:
        ValueError: the text says which key is wrong.
    """
    document = gojson.fold(gojson.decode_object(content), ("type", "version", *BLOCKS))
    document = {key: value for key, value in document.items() if value not in (None, "")}
    for key in ("type", "version"):
        if not isinstance(document.get(key, ""), str):
            raise ValueError(f"{key!r} is {gojson.kind(document[key])}, expected a string")
    version = document.get("version", "1")
    if version.partition(".")[0] != "1":
        raise ValueError(f"'version' is {version!r}, expected 1.0.0 or a later one below 2")
    for name in BLOCKS.keys() & document.keys():
        document[name] = _block(name, document[name])
    kind = document.get("type", "")
    if kind in BLOCKS and kind not in document:
        raise ValueError(f"'type' is {kind!r}, but there is no {kind!r}")
    return DeviceInfo(_ordered(document))


def _block(name: str, value: object) -> dict[str, Any]:
    try:
        block = gojson.fold(value, BLOCKS[name])
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from error
    for key in BLOCKS[name]:
        if not isinstance(block.get(key) or "", str):
            raise ValueError(f"{key!r} of {name!r} is {gojson.kind(block[key])}, expected a string")
    return {key: item for key, item in block.items() if item not in (None, "")}


def _ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    whole = _in_order(document, ("type", "version", *BLOCKS))
    return {key: _in_order(value, BLOCKS[key]) if key in BLOCKS else value for key, value in whole.items()}


def _in_order(document: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Known keys first; values of others are as Go leaves generic ones."""
    others = sorted(document.keys() - set(known))
    return {key: document[key] for key in known if key in document} | {
        key: gojson.ordered(document[key]) for key in others
    }
