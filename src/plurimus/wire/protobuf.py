"""Protocol buffers: the fields of a message, without a schema.

Every function raises ProtobufError, and nothing else, for bytes that are no message.

protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

Field = tuple[int, int | memoryview]
"""Its number, and a number or the bytes of a string or message: which of them is the schema's business."""

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_FIXED = {_I64: 8, _I32: 4}
_MOST_BYTES = 10
_MOST_NUMBER = (1 << 29) - 1


class ProtobufError(ValueError):
    """Bytes that are no message."""


def fields(message: bytes | memoryview) -> Iterator[Field]:
    """All fields in their order; who does not know a number passes it over."""
    view = memoryview(message)
    offset = 0
    while offset < len(view):
        tag, offset = _varint(view, offset)
        number, kind = tag >> 3, tag & 7
        if not 0 < number <= _MOST_NUMBER:
            raise ProtobufError(f"a field with the number {number}")
        if kind == _VARINT:
            value, offset = _varint(view, offset)
            yield number, value
            continue
        size = _FIXED.get(kind)
        if size is None:
            if kind != _LEN:
                raise ProtobufError(f"a field of the kind {kind}")
            size, offset = _varint(view, offset)
        content = view[offset : offset + size]
        if len(content) < size:
            raise ProtobufError(f"a field of {size} bytes where {len(content)} are left")
        offset += size
        yield number, content if kind == _LEN else int.from_bytes(content, "little")


def messages(message: bytes | memoryview, wanted: int) -> list[memoryview]:
    """The contents of all fields with the number `wanted` that have one, in their order."""
    return [value for number, value in fields(message) if number == wanted and isinstance(value, memoryview)]


def text(content: memoryview) -> str:
    """The content of a string."""
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise ProtobufError("a string that is not UTF-8") from error


def string(number: int, value: str) -> bytes:
    """A field with a string; one that is empty is left out."""
    content = value.encode()
    return _number(number << 3 | _LEN) + _number(len(content)) + content if content else b""


def _number(value: int) -> bytes:
    """A varint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _varint(view: memoryview, offset: int) -> tuple[int, int]:
    """The number at `offset`, and where it ends."""
    value = 0
    for index, byte in enumerate(view[offset : offset + _MOST_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value & (1 << 64) - 1, offset + index + 1
    raise ProtobufError("a number without an end")
