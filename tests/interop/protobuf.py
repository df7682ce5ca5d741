"""As much protobuf as is needed to read what Multus writes to the API server: the annotations of a pod, an event.

Kubernetes' protobuf encoding is four magic bytes and an envelope; the numbers are the fields' in its API.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

_MAGIC = b"k8s\0"
_RAW, _METADATA = 2, 1
_NAME, _NAMESPACE, _RESOURCE_VERSION, _ANNOTATIONS = 1, 3, 6, 12
_INVOLVED, _REASON, _MESSAGE, _TYPE = 2, 3, 4, 9
_REFERENCE_NAME = 3


def metadata(body: bytes) -> dict[str, Any]:
    """Name, namespace, version and annotations of an object, as they are in JSON."""
    meta = _only(_object(body), _METADATA)
    pairs = [_fields(entry) for entry in meta[_ANNOTATIONS]]
    return {
        "name": _text(meta, _NAME),
        "namespace": _text(meta, _NAMESPACE),
        "resourceVersion": _text(meta, _RESOURCE_VERSION),
        "annotations": {_text(pair, 1): _text(pair, 2) for pair in pairs},
    }


def event(body: bytes) -> dict[str, Any]:
    """An event, as it is in JSON."""
    fields = _object(body)
    return {
        "metadata": metadata(body),
        "involvedObject": {"name": _text(_only(fields, _INVOLVED), _REFERENCE_NAME)},
        "reason": _text(fields, _REASON),
        "message": _text(fields, _MESSAGE),
        "type": _text(fields, _TYPE),
    }


Fields = defaultdict[int, list[bytes]]


def _object(body: bytes) -> Fields:
    assert body.startswith(_MAGIC), body[:40]
    return _only(_fields(body[len(_MAGIC) :]), _RAW)


def _fields(data: bytes) -> Fields:
    """The length-delimited fields of one message; numbers, which nobody here reads, are left out."""
    found: Fields = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        kind = key & 7
        if kind == 0:
            _, at = _number(data, at)
        elif kind == 2:
            length, at = _number(data, at)
            found[key >> 3].append(data[at : at + length])
            at += length
        else:
            at += {1: 8, 5: 4}[kind]
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def _only(fields: Fields, number: int) -> Fields:
    return _fields(fields[number][-1])


def _text(fields: Fields, number: int) -> str:
    return fields[number][-1].decode() if fields[number] else ""
