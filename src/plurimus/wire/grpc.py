"""gRPC: one unary call on a connection of its own, over h2.

gRPC: doc/PROTOCOL-HTTP2.md, doc/statuscodes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

MOST_BYTES = 16 << 20
"""The largest answer taken."""
_PREFIX = 5
"""A flag for compression and the length of the message."""


class Status(IntEnum):
    """The codes of gRPC that somebody here reads or raises."""

    OK = 0
    UNKNOWN = 2
    DEADLINE_EXCEEDED = 4
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class StatusError(Exception):
    """A call that failed: `code` and `text` are the server's, or made here where it gave none."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class UnaryCall:
    """One message there, one back: send what `to_send` gives, feed what comes to `receive`, until it has the answer."""

    def __init__(self, method: str, request: bytes, *, seconds: float) -> None:
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._connection.initiate_connection()
        self._stream = self._connection.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "plurimus"),
            ("grpc-timeout", f"{max(1, round(seconds * 1000))}m"),
        ]
        self._connection.send_headers(self._stream, headers)
        self._connection.send_data(self._stream, bytes(1) + len(request).to_bytes(4, "big") + request, end_stream=True)
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    def to_send(self) -> bytes:
        """What the server has to get now; empty when there is nothing."""
        return self._connection.data_to_send()

    def receive(self, data: bytes) -> bytes | None:
        """Take what the server sent, nothing at its end; the answer once it is complete.

        Raises:
            StatusError: there is no answer, and will be none.
        """
        if not data:
            raise StatusError(Status.UNAVAILABLE, "the connection ended before the answer")
        try:
            events = self._connection.receive_data(data)
        except ProtocolError as error:
            raise StatusError(
                Status.UNAVAILABLE, f"no HTTP/2 as it should be: {error or type(error).__name__}"
            ) from error
        for event in events:
            if self._handle(event):
                return self._answer()
        return None

    def _handle(self, event: Event) -> bool:
        """Whether the server has said all."""
        match event:
            case ResponseReceived(headers=headers) | TrailersReceived(headers=headers):
                self._headers |= {_ascii(name): _ascii(value) for name, value in headers or ()}
            case DataReceived(data=data, flow_controlled_length=length):
                self._body += data or b""
                if len(self._body) > MOST_BYTES + _PREFIX:
                    raise StatusError(Status.INTERNAL, f"an answer of more than {MOST_BYTES} bytes")
                self._connection.acknowledge_received_data(length or 0, self._stream)
            case StreamReset(error_code=code):
                refused = code in (ErrorCodes.REFUSED_STREAM, ErrorCodes.CANCEL)
                raise StatusError(Status.UNAVAILABLE if refused else Status.INTERNAL, f"the call was reset: {code!s}")
            case ConnectionTerminated():
                raise StatusError(Status.UNAVAILABLE, "the server ends the connection")
            case StreamEnded():
                return True
        return False

    def _answer(self) -> bytes:
        _check_status(self._headers)
        if len(self._body) < _PREFIX or self._body[0] != 0:
            raise StatusError(Status.INTERNAL, "an answer without a message, or a compressed one")
        if len(self._body) - _PREFIX != int.from_bytes(self._body[1:_PREFIX], "big"):
            raise StatusError(Status.INTERNAL, "an answer that is not one message")
        return bytes(self._body[_PREFIX:])


def _check_status(headers: Mapping[str, str]) -> None:
    status = headers.get("grpc-status", "")
    if not status.isdecimal():
        raise StatusError(Status.INTERNAL, f"HTTP status {headers.get(':status')}, and none of gRPC")
    if int(status) != Status.OK:
        raise StatusError(int(status), unquote(headers.get("grpc-message", "")))


def _ascii(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("ascii", "replace")
