"""A runtime's sandboxes, with Google's library as the other side."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire import cri
from plurimus.wire.cri import PodSandbox
from plurimus.wire.protobuf import ProtobufError
from tests.protos import CRI as api

TEXTS = st.sampled_from(["", "pod", "0" * 64, "ä"])
METADATA = st.builds(api.PodSandboxMetadata, name=TEXTS, uid=TEXTS, namespace=TEXTS, attempt=st.integers(0, 9))
LABELS = st.lists(st.builds(api.Label, key=TEXTS, value=TEXTS), max_size=2)
SANDBOXES = st.builds(
    api.PodSandbox,
    id=TEXTS,
    metadata=st.none() | METADATA,
    state=st.integers(0, 1),
    created_at=st.integers(0, 2**62),
    labels=LABELS,
    runtime_handler=TEXTS,
)


def as_value(one: Any) -> PodSandbox:
    return PodSandbox(one.id, one.metadata.namespace, one.metadata.name, one.metadata.uid)


@given(st.lists(SANDBOXES, max_size=3))
def test_sandboxes_are_read_as_googles_library_wrote_them(made: list[Any]) -> None:
    message = api.ListPodSandboxResponse(items=made).SerializeToString()
    assert cri.listed(message) == [as_value(each) for each in made]


@given(st.binary(max_size=64))
def test_whatever_the_bytes_nothing_else_is_raised(content: bytes) -> None:
    try:
        found = cri.listed(content)
    except ProtobufError:
        return
    try:
        read = api.ListPodSandboxResponse.FromString(content)
    except DecodeError:
        return  # what we do not look into may be wrong
    assert [each.id for each in found] == [each.id for each in read.items]
