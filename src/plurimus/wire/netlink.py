"""Netlink messages: framing, attributes, errors.

All integers are in host byte order, lengths in bytes; messages and attributes are padded to 4.

kernel: include/uapi/linux/netlink.h; netlink(7).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_CODE = struct.Struct("=i")
_ACK = struct.Struct("=IHHIIi16x")
"""An error message with the header of the request, and no more."""
_PADDING = (b"", bytes(3), bytes(2), bytes(1))
"""By how far a length is beyond a multiple of 4."""
U32 = struct.Struct("=I")

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x2, 0x4, 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSGERR_ATTR_MSG = 1
_TYPE_MASK = 0x3FFF
_MAX_ERRNO = 4095
_MAX_SEQUENCE = 0xFFFFFFFF

Attributes = Mapping[int, bytes]


class WireError(ValueError):
    """Bytes that are no netlink message."""


class Message(NamedTuple):
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


def sequences(first: int = 1) -> Iterator[int]:
    """The sequences of requests from one socket, without an end: they begin again behind the largest."""
    return (at & _MAX_SEQUENCE for at in count(first))


def messages(data: bytes) -> Iterator[Message]:
    """The messages in one datagram.

    Raises:
        WireError: a length is impossible.
    """
    offset = 0
    while offset < len(data):
        if offset + HEADER.size > len(data):
            raise WireError(f"{len(data) - offset} bytes where a header has {HEADER.size}")
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size or offset + length > len(data):
            raise WireError(f"a message of {length} bytes in {len(data) - offset}")
        yield Message(kind, flags, sequence, data[offset + HEADER.size : offset + length])
        offset += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    size = len(value)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + size, kind) + value + _PADDING[size & 3]


def split(form: struct.Struct, payload: bytes) -> tuple[tuple[int, ...], dict[int, bytes]]:
    """The fields a payload begins with, and the attributes behind them.

    Raises:
        WireError: it is shorter than its fields, or a length is impossible.
    """
    if len(payload) < form.size:
        raise WireError(f"{len(payload)} bytes where {form.size} are the least")
    return form.unpack_from(payload), attributes(payload[form.size :])


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in `data` by kind; of several of one kind the last counts, as in the kernel.

    Every answer of the kernel goes through here, with some ninety attributes for an interface.

    Raises:
        WireError: a length is impossible.
    """
    found: dict[int, bytes] = {}
    unpack, offset, end = _ATTRIBUTE.unpack_from, 0, len(data)
    while offset + 4 <= end:
        length, kind = unpack(data, offset)
        if length < 4 or offset + length > end:
            raise WireError(f"an attribute of {length} bytes in {end - offset}")
        found[kind & _TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def some_attributes(data: bytes, kinds: Collection[int]) -> dict[int, bytes]:
    """Those of the attributes in `data` that are of one of `kinds`, up to where there is one of each.

    Raises:
        WireError: a length before that is impossible.
    """
    found: dict[int, bytes] = {}
    unpack, offset, end = _ATTRIBUTE.unpack_from, 0, len(data)
    while offset + 4 <= end and len(found) < len(kinds):
        length, kind = unpack(data, offset)
        if length < 4 or offset + length > end:
            raise WireError(f"an attribute of {length} bytes in {end - offset}")
        if kind & _TYPE_MASK in kinds:
            found[kind & _TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def each_attribute(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes in `data` in their order, where several of one kind are a list.

    Raises:
        WireError: a length is impossible.
    """
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > len(data):
            raise WireError(f"an attribute of {length} bytes in {len(data) - offset}")
        yield kind & _TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def refusal(message: Message) -> Refusal:
    """The content of an error or done message.

    Raises:
        WireError: it is too short, or its code is none.
    """
    if len(message.payload) < _CODE.size:
        raise WireError("an error message without a code")
    (code,) = _CODE.unpack_from(message.payload)
    if not -_MAX_ERRNO <= code <= 0:
        raise WireError(f"an error message with code {code}")
    if not message.flags & _NLM_F_ACK_TLVS:
        return Refusal(-code, "")
    offset = _CODE.size
    if message.kind == NLMSG_ERROR:
        # the header of the request follows and, unless it is capped, its payload too
        request = HEADER.size
        if not message.flags & _NLM_F_CAPPED and len(message.payload) >= offset + HEADER.size:
            (request, *_) = HEADER.unpack_from(message.payload, offset)
        offset += _aligned(request)
    return Refusal(-code, text(attributes(message.payload[offset:]).get(_NLMSGERR_ATTR_MSG, b"")))


def outcomes(datagram: bytes) -> list[tuple[int, Refusal | None]]:
    """The sequences of the requests that a datagram ends, and why they were refused: None for what was carried out.

    Raises:
        WireError: the datagram is malformed.
    """
    if len(datagram) == _ACK.size:  # most are this one acknowledgement
        length, kind, _, sequence, _, code = _ACK.unpack(datagram)
        if (length, kind, code) == (_ACK.size, NLMSG_ERROR, 0):
            return [(sequence, None)]
    ends = [(each.sequence, refusal(each)) for each in messages(datagram) if each.kind in (NLMSG_ERROR, NLMSG_DONE)]
    return [(sequence, refused if refused.errno else None) for sequence, refused in ends]


@dataclass(slots=True)
class Answer:
    """What comes back to one request, filled datagram by datagram until it is whole.

    `acknowledged`: the request asked for an acknowledgement or a dump, so the last message is an
    error or done message; without, a single message is the whole answer.  Answers to other requests
    (one that was given up, or another of the same send) are passed over.
    """

    sequence: int
    acknowledged: bool
    messages: list[Message] = field(default_factory=list)
    refusal: Refusal | None = None
    interrupted: bool = False
    whole: bool = False

    def feed(self, datagram: bytes) -> bool:
        """Take what belongs here; whether the answer is whole.

        Raises:
            WireError: the datagram is malformed.
        """
        for message in messages(datagram):
            if message.sequence == self.sequence and not self.whole:
                self._take(message)
        return self.whole

    def _take(self, message: Message) -> None:
        self.interrupted |= bool(message.flags & NLM_F_DUMP_INTR)
        if message.kind in (NLMSG_ERROR, NLMSG_DONE):
            refused = refusal(message)
            self.refusal = refused if refused.errno else None
            self.whole = True
        else:
            self.messages.append(message)
            self.whole = not self.acknowledged and not message.flags & NLM_F_MULTI


def number(found: Attributes, kind: int) -> int:
    """An unsigned 32-bit attribute; 0 where there is none.

    Raises:
        WireError: it has another size.
    """
    value = found.get(kind, b"")
    if len(value) not in (0, U32.size):
        raise WireError(f"attribute {kind} has {len(value)} bytes, expected {U32.size}")
    return int(U32.unpack(value)[0]) if value else 0


def text(value: bytes) -> str:
    """A string attribute without its end mark; bytes that are no UTF-8 are replaced."""
    return value.rstrip(b"\0").decode(errors="replace")


def _aligned(length: int) -> int:
    return (length + 3) & ~3
