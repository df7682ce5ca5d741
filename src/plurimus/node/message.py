"""The bodies that shim and daemon exchange, as Multus defines them, and the header that is ours.

Multus' shim wants a result in 1.1.0 inside `{"Result": ...}` and converts it itself; our shim
prints the body it gets, so that gets the exact stdout and, in a header, the exit code.

Spec section 7.2.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from plurimus.cni import gojson, result, version
from plurimus.cni.errors import Code, PlurimusError, RequestError, encode_error
from plurimus.core.ports import Spool
from plurimus.node.context import Outcome, Request

if TYPE_CHECKING:
    from aiohttp import web

OUR_SHIM = "Plurimus-Shim"
EXIT_CODE = "Plurimus-Exit"


class InterfaceAttributes(msgspec.Struct, frozen=True, rename="kebab"):
    """What a hot-plug request asks of its one attachment."""

    ips: list[str] = []
    mac: str = ""
    cni_args: dict[str, Any] | None = None


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    env: dict[str, str] = {}
    config: str = ""
    interface_attributes: InterfaceAttributes | None = None


def decode(body: bytes) -> tuple[Request, InterfaceAttributes]:
    """A request body.

    Raises:
        RequestError: code 6.
    """
    try:
        parsed = gojson.convert(gojson.decode(body), _Body)
        stdin = base64.b64decode(parsed.config, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestError(f"the request body is malformed: {error}", code=Code.DECODING_FAILURE) from error
    return Request(parsed.env, stdin), parsed.interface_attributes or InterfaceAttributes()


def spooled(request: Request, spool: Spool) -> Request:
    """The same request as one that lies in `spool`: the shim answered it itself, so it can only be a DEL."""
    return Request({**request.env, "CNI_COMMAND": "DEL"}, request.stdin, spool)


def answer(outcome: Outcome, *, ours: bool) -> web.Response:
    """The answer to a request that succeeded."""
    from aiohttp import web

    if ours:
        stdout = result.encode(outcome.result, outcome.cni_version) if outcome.result else b""
        return web.Response(body=stdout, headers={EXIT_CODE: "0"}, content_type="application/json")
    if outcome.result is None:
        return web.Response()
    body = {"Result": result.dump(outcome.result, version.CURRENT)}
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def refusal(error: PlurimusError, *, ours: bool) -> web.Response:
    """The answer to a request that failed: the error object, which travels to the runtime as it is (S20)."""
    from aiohttp import web

    headers = {EXIT_CODE: "1"} if ours else {}
    return web.Response(status=400, body=encode_error(error), headers=headers, content_type="application/json")
