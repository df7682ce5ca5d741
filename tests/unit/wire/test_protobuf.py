"""Messages of protocol buffers, with Google's library as the other side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire.protobuf import ProtobufError, fields, string
from tests.protos import POD_RESOURCES as api


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_an_error(content: bytes) -> None:
    try:
        found = list(fields(content))
    except ProtobufError:
        return
    assert sum(len(value) for _, value in found if isinstance(value, memoryview)) <= len(content)


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_read_as_they_were_written(size: int) -> None:
    message = api.ContainerMemory(size=size).SerializeToString()
    assert list(fields(message)) == ([(2, size)] if size else [])


@given(st.text(max_size=300))
def test_strings_are_written_as_others_write_them(name: str) -> None:
    assert string(1, name) == api.CDIDevice(name=name).SerializeToString()


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"\x09\x01\0\0\0\0\0\0\x80", 1 + (0x80 << 56)), (b"\x0d\x02\0\0\x80", 2 + (0x80 << 24))],
    ids=["64-bits", "32-bits"],
)
def test_numbers_of_a_fixed_size_are_read(content: bytes, value: int) -> None:
    assert list(fields(content)) == [(1, value)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x80", id="tag-without-an-end"),
        pytest.param(b"\x08" + b"\xff" * 11, id="number-of-eleven-bytes"),
        pytest.param(b"\x00\x01", id="field-zero"),
        pytest.param(b"\x0a\x05abcd", id="string-cut-short"),
        pytest.param(b"\x0a", id="string-without-a-length"),
        pytest.param(b"\x0d\0\0\0", id="32-bits-cut-short"),
        pytest.param(b"\x0b\x0c", id="group"),
        pytest.param(b"\x0f", id="kind-seven"),
    ],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ProtobufError):
        list(fields(content))
