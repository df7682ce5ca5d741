"""The bodies that shim and daemon exchange, as Multus defines them, and the header that is ours.

Multus' shim wants a result in 1.1.0 inside `{"Result": ...}` and converts it itself; our shim
prints the body it gets, so that gets the exact stdout and, in a header, the exit code.

Spec section 7.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from plurimus.cni import gojson, result, version
from plurimus.cni.errors import Code, PlurimusError, RequestError, encode_error
from plurimus.core.ports import Spool
from plurimus.node.context import Outcome, Request

OUR_SHIM = "Plurimus-Shim"
EXIT_CODE = "Plurimus-Exit"
MOST_BODY = 32 * 2**20
"""Bytes of a request."""
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class InterfaceAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    """What a hot-plug request asks of its one attachment."""

    ips: list[str] = []
    mac: str = ""
    cni_args: dict[str, Any] | None = None


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    env: dict[str, str] = {}
    config: str = ""
    interface_attributes: InterfaceAttributes | None = None


def decode(body: bytes | None) -> tuple[Request, InterfaceAttributes]:
    """A request body; None stands for one that is too long.

    Raises:
        RequestError: code 6.
    """
    if body is None:
        raise RequestError(f"the request body is longer than {MOST_BODY} bytes", code=Code.DECODING_FAILURE)
    try:
        parsed = gojson.convert(gojson.decode(body), _Body)
        stdin = base64.b64decode(parsed.config, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestError(f"the request body is malformed: {error}", code=Code.DECODING_FAILURE) from error
    return Request(parsed.env, stdin), parsed.interface_attributes or InterfaceAttributes()


def is_delete(body: bytes | None) -> bool:
    """Whether a request body is that of a DEL."""
    try:
        return decode(body)[0].env.get("CNI_COMMAND") == "DEL"
    except RequestError:
        return False


def spooled(request: Request, spool: Spool) -> Request:
    """The same request as one that lies in `spool`: the shim answered it itself, so it can only be a DEL."""
    return Request({**request.env, "CNI_COMMAND": "DEL"}, request.stdin, spool)


def answer(outcome: Outcome, *, ours: bool) -> Answer:
    """The answer to a request that succeeded."""
    if ours:
        stdout = result.encode(outcome.result, outcome.cni_version) if outcome.result else b""
        return Answer(body=stdout, headers=_JSON | {EXIT_CODE: "0"})
    if outcome.result is None:
        return Answer()
    return document({"Result": result.dump(outcome.result, version.CURRENT)})


def refusal(error: PlurimusError, *, ours: bool) -> Answer:
    """The answer to a request that failed: the error object, which travels to the runtime as it is (S20)."""
    return Answer(400, encode_error(error), _JSON | ({EXIT_CODE: "1"} if ours else {}))


def document(content: Any) -> Answer:
    """An answer in JSON."""
    return Answer(body=msgspec.json.encode(content), headers=_JSON)


def text(status: int, words: str, **headers: str) -> Answer:
    """An answer for people."""
    return Answer(status, words.encode(), {"Content-Type": "text/plain; charset=utf-8", **headers})
