"""A daemon that is away, not ready, slow, or dies half way: ADD fails within seconds, DEL is spooled."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from .fake import FOREVER, UNREAD, FakeDaemon, Step, http, plurimus
from .runtime import PATIENCE, Node

WAITING = ("ADD", "CHECK", "STATUS", "GC")
WHOLE = plurimus(b'{"cniVersion": "1.0.0"}')
CHUNKED = b"HTTP/1.1 200 OK\r\nPlurimus-Exit: 0\r\nTransfer-Encoding: chunked\r\n\r\n"

NO_ANSWER = [
    pytest.param((), id="closes"),
    pytest.param((UNREAD,), id="closes-at-once"),
    pytest.param((b"HTTP/1.1 200",), id="in-the-status-line"),
    pytest.param((WHOLE[:60],), id="in-the-headers"),
    pytest.param((WHOLE[:-23],), id="before-the-body"),
    pytest.param((WHOLE[:-1],), id="in-the-body"),
    pytest.param((http(200, b"{}", Content_Length="3"),), id="shorter-than-announced"),
    pytest.param((http(200, b"{}", Content_Length="-1"),), id="negative-length"),
    pytest.param((http(200, b"{}", Content_Length="99999999999999999999"),), id="huge-length"),
    pytest.param((http(200, b"{}", Content_Length="two"),), id="length-no-number"),
    pytest.param((b"HTTP/1.1 200 OK\r\n\r\n{}",), id="length-unknown"),
    pytest.param((CHUNKED,), id="before-the-chunks"),
    pytest.param((CHUNKED + b"5",), id="in-the-size-of-a-chunk"),
    pytest.param((CHUNKED + b"5\r\n{}",), id="in-a-chunk"),
    pytest.param((CHUNKED + b"2\r\n{}\r\n",), id="between-chunks"),
    pytest.param((CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",), id="huge-chunk"),
    pytest.param((CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n",), id="negative-chunk"),
    pytest.param((bytes(range(256)) * 100,), id="garbage"),
    pytest.param((b"\r\n\r\n" * 5,), id="blank-lines"),
    pytest.param((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",), id="not-http"),
    pytest.param((b"HTTP/1.1 abc No\r\nContent-Length: 0\r\n\r\n",), id="status-no-number"),
]


@pytest.mark.parametrize("verb", WAITING)
def test_without_a_daemon_it_fails_with_code_11(node: Node, verb: str) -> None:
    """S38, F60: within `daemonTimeout`, which the message names with the socket and the reason."""
    message = node.call(verb).refused(11)
    for words in (str(node.sockets / "multus.sock"), "No such file or directory", "waited 0.2 s", "daemon's log"):
        assert words in message
    assert node.spooled() == {}


def test_a_daemon_is_waited_for_five_seconds_unless_the_configuration_says_otherwise(node: Node) -> None:
    """S38: Multus' own shim waits for sixty."""
    assert "waited 5 s" in node.call("ADD", node.conf(daemonTimeout=None)).refused(11)


def test_a_socket_nobody_listens_on_is_no_daemon(node: Node) -> None:
    """S38: what a killed daemon leaves."""
    node.sockets.mkdir()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(node.sockets / "multus.sock"))
    assert "Connection refused" in node.call("ADD").refused(11)
    assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@contextlib.contextmanager
def standing_still(node: Node) -> Iterator[None]:
    """A daemon that accepts no connection; those that wait fill its queue."""
    node.sockets.mkdir()
    path = str(node.sockets / "multus.sock")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as waiting:
        listener.bind(path)
        listener.listen(0)
        for _ in range(10):
            one = waiting.enter_context(socket.socket(socket.AF_UNIX))
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(path)
        yield


def test_a_daemon_that_stands_still_counts_as_away(node: Node) -> None:
    """S38: connecting to a full queue is waited for no longer than anything else."""
    with standing_still(node):
        assert "no answer in time" in node.call("ADD").refused(11)
        assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((FOREVER,), id="silent"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", FOREVER), id="stops-in-the-headers"),
        pytest.param(tuple(step for byte in http(200) * 100 for step in (b"%c" % byte, 0.02)), id="drips"),
    ],
)
def test_a_daemon_that_does_not_finish_its_answer_is_not_ready(
    node: Node, daemon: FakeDaemon, steps: Sequence[Step]
) -> None:
    """S38: the limit is for all attempts together, however slowly bytes come."""
    node.patience = 0.3
    daemon.answers("/readyz", *steps).answers("/healthz", *steps)
    assert "no answer in time" in node.call("ADD").refused(11)
    assert node.call("DEL").printed() == b""
    assert "/cni" not in daemon.paths()
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize("verb", WAITING)
def test_a_daemon_that_is_not_ready_is_waited_for(node: Node, daemon: FakeDaemon, verb: str) -> None:
    """F62: 500 is the answer of a daemon that stops, or has not started."""
    daemon.first_answers("/readyz", http(500, b"shutting down\n"), times=3)
    node.call(verb).printed()
    assert daemon.paths() == [*["/readyz"] * 4, "/cni"]


def test_a_daemon_that_never_is_ready_is_given_up(node: Node, daemon: FakeDaemon) -> None:
    """F62, S38: the reason is in the message."""
    node.patience = 5.0  # seconds; a busy machine gets an answer within them
    daemon.answers("/readyz", http(500))
    assert "/readyz says 500" in node.call("ADD").refused(11)
    assert set(daemon.paths()) == {"/readyz"}


def test_what_the_daemon_said_is_told_even_where_time_ends_in_the_middle_of_the_next_attempt(
    node: Node, daemon: FakeDaemon
) -> None:
    """S38: that time was up says nothing about why."""
    node.patience = 5.0  # seconds; a busy machine gets the first answer within them
    daemon.answers("/readyz", FOREVER).first_answers("/readyz", http(500))
    assert "/readyz says 500" in node.call("ADD").refused(11)


def test_an_older_daemon_without_readyz_is_asked_for_life(node: Node, daemon: FakeDaemon) -> None:
    """F62; spec section 7.3: Multus up to 4.3.0 knows only /healthz."""
    daemon.answers("/readyz", http(404, b"404 page not found\n")).first_answers("/healthz", http(500))
    node.call("ADD").printed()
    assert daemon.paths() == ["/readyz", "/healthz", "/healthz", "/cni"]


def test_a_daemon_that_starts_meanwhile_is_found(node: Node) -> None:
    """F60."""
    with FakeDaemon(node.sockets):
        path = node.sockets / "multus.sock"
        path.rename(path.with_name("elsewhere"))
        node.patience = PATIENCE / 2
        timer = threading.Timer(0.3, lambda: path.with_name("elsewhere").rename(path))
        timer.start()
        assert node.call("ADD").printed() == b""
        timer.join()


@pytest.mark.parametrize("steps", NO_ANSWER)
def test_a_probe_without_an_answer_is_no_daemon(node: Node, daemon: FakeDaemon, steps: Sequence[Step]) -> None:
    """S38, S5."""
    node.patience = 0.1
    daemon.answers("/readyz", *steps).answers("/healthz", *steps)
    assert "not ready" in node.call("ADD").refused(11)
    assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize("steps", NO_ANSWER)
def test_a_daemon_that_dies_half_way_fails_add_and_leaves_del_spooled(
    node: Node, daemon: FakeDaemon, steps: Sequence[Step]
) -> None:
    """S5: nobody knows what a daemon that broke off had done, so the DEL is owed."""
    daemon.answers("/cni", *steps)
    message = node.call("ADD").refused(11)
    assert "broke off before it had answered" in message
    assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


def test_a_daemon_that_ends_the_connection_behind_its_probe_has_broken_off(node: Node, daemon: FakeDaemon) -> None:
    """S5: it was ready, and it may have read the request."""
    kept = http(200, Connection="keep-alive")
    daemon.answers("/readyz", kept).answers("/healthz", kept).answers("/cni", UNREAD)
    assert "broke off before it had answered" in node.call("ADD").refused(11)
    assert node.call("DEL").printed() == b""
    assert (daemon.paths(), daemon.connections) == (["/readyz", "/cni", "/healthz", "/cni"], 2)
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize("value", ["0.2", None, -1, [1], True, {}])
def test_a_time_limit_that_is_no_number_is_the_usual_one(node: Node, daemon: FakeDaemon, value: object) -> None:
    """S38."""
    daemon.first_answers("/readyz", http(500))
    node.call("ADD", node.conf() | {"daemonTimeout": value}).printed()
    assert daemon.paths() == ["/readyz", "/readyz", "/cni"]
