"""Netlink messages: framing, attributes, errors.

All integers are in host byte order, lengths in bytes; messages and attributes are padded to 4.

kernel: include/uapi/linux/netlink.h; netlink(7).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_CODE = struct.Struct("=i")

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x2, 0x4, 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSGERR_ATTR_MSG = 1
_TYPE_MASK = 0x3FFF

Attributes = Mapping[int, bytes]


class WireError(ValueError):
    """Bytes that are no netlink message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message without its header; `sequence` is that of the request it answers."""

    kind: int
    flags: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error message says: `errno` (0 for an acknowledgement) and the kernel's own words."""

    errno: int
    text: str


def frame(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A whole message, ready to send."""
    return HEADER.pack(HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def messages(data: bytes) -> Iterator[Message]:
    """The messages in one datagram.

    Raises:
        WireError: a length is impossible.
    """
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            raise WireError(f"a message of {length} bytes in {len(data) - offset}")
        yield Message(kind, flags, sequence, data[offset + HEADER.size : offset + length])
        offset += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    head = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind)
    return head + value + bytes(_aligned(len(value)) - len(value))


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in `data` by kind; of several of one kind the last counts, as in the kernel.

    Raises:
        WireError: a length is impossible.
    """
    found: dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > len(data):
            raise WireError(f"an attribute of {length} bytes in {len(data) - offset}")
        found[kind & _TYPE_MASK] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)
    return found


def refusal(message: Message) -> Refusal:
    """The content of an error or done message.

    Raises:
        WireError: it is too short.
    """
    if len(message.payload) < _CODE.size:
        raise WireError("an error message without a code")
    (code,) = _CODE.unpack_from(message.payload)
    if not message.flags & _NLM_F_ACK_TLVS:
        return Refusal(-code, "")
    offset = _CODE.size
    if message.kind == NLMSG_ERROR:
        # the header of the request follows and, unless it is capped, its payload too
        request = HEADER.size
        if not message.flags & _NLM_F_CAPPED and len(message.payload) >= offset + HEADER.size:
            (request, *_) = HEADER.unpack_from(message.payload, offset)
        offset += _aligned(request)
    text = attributes(message.payload[offset:]).get(_NLMSGERR_ATTR_MSG, b"")
    return Refusal(-code, text.rstrip(b"\0").decode(errors="replace"))


def _aligned(length: int) -> int:
    return (length + 3) & ~3
