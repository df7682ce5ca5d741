"""One gRPC call, with h2's server side as the other one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire.grpc import MOST_BYTES, Status, StatusError, UnaryCall

OK = [("grpc-status", "0")]


class Server:
    """Has received one call; the client is `call`."""

    def __init__(self) -> None:
        self.call = UnaryCall("/v1.Service/Method", b"question", seconds=2.5)
        self.connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.connection.initiate_connection()
        events = self.connection.receive_data(self.call.to_send())
        (self.request,) = [dict(event.headers or ()) for event in events if isinstance(event, RequestReceived)]
        self.body = b"".join(event.data or b"" for event in events if isinstance(event, DataReceived))

    def begin(self, headers: Sequence[tuple[str, str]] = (), *, status: str = "200", ends: bool = False) -> None:
        self.connection.send_headers(1, [(":status", status), *headers], end_stream=ends)

    def send(self, message: bytes, flag: int = 0) -> None:
        self.connection.send_data(1, bytes([flag]) + len(message).to_bytes(4, "big") + message)

    def end(self, trailers: Sequence[tuple[str, str]] = OK) -> None:
        self.connection.send_headers(1, trailers, end_stream=True)

    def reset(self, code: ErrorCodes) -> None:
        self.connection.reset_stream(1, code)

    def answer(self) -> bytes | None:
        """What the call makes of all that was said."""
        return self.call.receive(self.connection.data_to_send())


def complete(message: bytes = b"answer", flag: int = 0) -> Server:
    server = Server()
    server.begin()
    server.send(message, flag)
    server.end()
    return server


def failed(server: Server) -> StatusError:
    with pytest.raises(StatusError) as caught:
        server.answer()
    return caught.value


def test_the_question_is_one_message_with_a_deadline() -> None:
    server = Server()
    assert server.body == b"\0\0\0\0\x08question"
    expected = {":method": "POST", ":path": "/v1.Service/Method", "te": "trailers", "grpc-timeout": "2500m"}
    assert expected.items() <= server.request.items()


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=8))
def test_the_answer_is_the_same_however_its_bytes_arrive(message: bytes, cuts: list[int]) -> None:
    server = complete(message)
    said = server.connection.data_to_send()
    places = sorted({min(cut, len(said)) for cut in cuts} | {0, len(said)})
    pieces = [said[start:end] for start, end in pairwise(places)]
    answers = [server.call.receive(piece) for piece in pieces]
    assert answers == [*[None] * (len(pieces) - 1), message]


@given(st.binary(max_size=80))
def test_any_bytes_are_no_answer_yet_or_a_status(data: bytes) -> None:
    server = Server()
    try:
        answer = server.call.receive(server.connection.data_to_send() + data)
    except StatusError as error:
        answer, code = None, error.code
    else:
        code = Status.INTERNAL
    assert answer is None
    assert code in (Status.UNAVAILABLE, Status.INTERNAL)


def test_a_refusal_is_read_from_the_trailers() -> None:
    server = Server()
    server.begin()
    server.end([("grpc-status", "5"), ("grpc-message", "no pod 100%25 like %C3%A4")])
    error = failed(server)
    assert (error.code, error.text) == (5, "no pod 100% like ä")


def test_a_refusal_without_a_message_is_read_from_the_headers() -> None:
    server = Server()
    server.begin([("grpc-status", "12")], ends=True)
    assert failed(server).code == Status.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        pytest.param(lambda server: server.connection.close_connection(), Status.UNAVAILABLE, id="goes-away"),
        pytest.param(lambda server: server.reset(ErrorCodes.REFUSED_STREAM), Status.UNAVAILABLE, id="refuses"),
        pytest.param(lambda server: server.reset(ErrorCodes.INTERNAL_ERROR), Status.INTERNAL, id="resets"),
        pytest.param(lambda server: server.begin(ends=True), Status.INTERNAL, id="no-status"),
        pytest.param(lambda server: server.begin(status="503", ends=True), Status.INTERNAL, id="http-status"),
        pytest.param(lambda server: server.begin(OK, ends=True), Status.INTERNAL, id="no-message"),
    ],
)
def test_what_ends_a_call_without_an_answer_is_a_status(happens: Callable[[Server], None], code: Status) -> None:
    server = Server()
    happens(server)
    assert failed(server).code == code


def test_the_end_of_the_connection_is_unavailable() -> None:
    server = Server()
    with pytest.raises(StatusError) as caught:
        server.call.receive(b"")
    assert caught.value.code == Status.UNAVAILABLE


def test_a_compressed_answer_is_refused() -> None:
    """Nobody asked for one."""
    assert failed(complete(flag=1)).code == Status.INTERNAL


def test_two_messages_are_refused() -> None:
    server = Server()
    server.begin()
    server.send(b"one")
    server.send(b"two")
    server.end()
    assert failed(server).code == Status.INTERNAL


def test_an_answer_that_does_not_end_is_refused() -> None:
    """No more memory than that is taken."""
    server = Server()
    server.begin()
    chunk = bytes(16000)

    def go_on() -> None:
        server.connection.send_data(1, chunk)
        assert server.answer() is None
        server.connection.receive_data(server.call.to_send())

    for _ in range(MOST_BYTES // len(chunk)):
        go_on()
    with pytest.raises(StatusError) as caught:
        go_on()
    assert caught.value.code == Status.INTERNAL
