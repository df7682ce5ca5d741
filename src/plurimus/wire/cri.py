"""The container runtime interface, version 1: which pod sandboxes a runtime knows.

Of the messages only ID and pod are read.  Every function raises ProtobufError, and nothing else, for bytes that are no
such message.

k8s.io/cri-api: pkg/apis/runtime/v1/api.proto.
"""

from __future__ import annotations

from dataclasses import dataclass

from plurimus.wire.protobuf import fields, messages, text

LIST = "/runtime.v1.RuntimeService/ListPodSandbox"


@dataclass(frozen=True, slots=True)
class PodSandbox:
    """One sandbox, whether it is ready or not: as long as it is listed, its DEL is still to come."""

    id: str
    namespace: str
    name: str
    uid: str


def listed(message: bytes) -> list[PodSandbox]:
    """The sandboxes in a ListPodSandboxResponse."""
    return [_sandbox(each) for each in messages(message, 1)]


def _sandbox(message: memoryview) -> PodSandbox:
    pod = b"".join(messages(message, 2))
    return PodSandbox(_string(message, 1), _string(pod, 3), _string(pod, 1), _string(pod, 2))


def _string(message: bytes | memoryview, wanted: int) -> str:
    """The last one counts, as everywhere in this format; none is the empty one."""
    found = [content for number, content in fields(message) if number == wanted and isinstance(content, memoryview)]
    return text(found[-1]) if found else ""
