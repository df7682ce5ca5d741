"""The errors of Plurimus: one tree, a branch for each person who must act, and their wire form.

A CNI error is a JSON object with a numeric code, a message and details; the same object
travels from a delegate through the daemon and the shim to the runtime.  Text goes: subject,
what happened, what was expected, what to do.  No message prints a configuration it was given.

CNI spec, "Error"; spec section 1.3.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated, Self

import msgspec

from plurimus.cni import gojson


class Code(IntEnum):
    """The well-known error codes of the CNI specification."""

    UNKNOWN = 0
    INCOMPATIBLE_VERSION = 1
    UNSUPPORTED_FIELD = 2
    UNKNOWN_CONTAINER = 3
    INVALID_ENVIRONMENT = 4
    IO_FAILURE = 5
    DECODING_FAILURE = 6
    INVALID_CONFIG = 7
    INVALID_NETNS = 8
    TRY_AGAIN_LATER = 11
    PLUGIN_NOT_AVAILABLE = 50
    LIMITED_CONNECTIVITY = 51
    INTERNAL = 999


class PlurimusError(Exception):
    """What every error of Plurimus can do: be shown to a person and be sent to a runtime.

    `msg` is for people and complete by itself; `details` adds what only helps to debug.
    """

    default_code: int = Code.INTERNAL

    def __init__(self, msg: str, *, details: str = "", code: int | None = None) -> None:
        super().__init__(msg)
        self.msg = msg
        self.details = details
        self.code = int(self.default_code if code is None else code)

    def __str__(self) -> str:
        return f"{self.msg}; {self.details}" if self.details else self.msg

    def about(self, subject: str) -> Self:
        """Put `subject` (which names pod and network) before the message; returns the same error."""
        self.msg = f"{subject}{self.msg}"
        return self


class ConfigError(PlurimusError):
    """The administrator must act: a configuration file or a definition is wrong."""

    default_code = Code.INVALID_CONFIG


class RequestError(PlurimusError):
    """The pod's author, or the runtime, must act: this request asks for something impossible."""

    default_code = Code.INVALID_CONFIG


class ClusterError(PlurimusError):
    """The API server or kubelet did not answer; the same request may succeed later."""

    default_code = Code.TRY_AGAIN_LATER


class OverloadError(PlurimusError):
    """Nobody need act: this node has too much to do, and the same request may succeed later."""

    default_code = Code.TRY_AGAIN_LATER


class AttachmentError(PlurimusError):
    """A plugin or the kernel refused.  Code and words are theirs, untouched."""


def joined(errors: Sequence[PlurimusError]) -> PlurimusError:
    """One error for several: a single one as it is, else all texts with the first one's code."""
    first = errors[0]
    if len(errors) == 1:
        return first
    return type(first)(f"errors: {' / '.join(str(error) for error in errors)}", code=first.code)


class _Printed(msgspec.Struct, frozen=True):
    """An error object and the types of its keys."""

    code: Annotated[int, msgspec.Meta(ge=0)] = 0
    msg: str = ""
    details: str = ""


def encode_error(error: PlurimusError) -> bytes:
    """The error object as CNI plugins print it on stdout: 4 spaces, Go's escapes, `details` only if there are any."""
    fields: dict[str, object] = {"code": error.code, "msg": error.msg}
    if error.details:
        fields["details"] = error.details
    return gojson.escape_html(json.dumps(fields, indent=4, ensure_ascii=False)).encode(errors="replace")


def decode_error(stdout: bytes) -> AttachmentError | None:
    """The error object a plugin printed, or None when `stdout` holds no such object."""
    try:
        printed = gojson.convert(gojson.decode_object(stdout), _Printed)
    except ValueError:
        return None
    if not printed.code and not printed.msg:
        return None
    return AttachmentError(printed.msg, details=printed.details, code=printed.code)
