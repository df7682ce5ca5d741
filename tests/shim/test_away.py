"""A daemon that is away, not ready, slow, or dies half way: ADD fails within seconds, DEL is spooled."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from .fake import CONTINUE, FOREVER, UNREAD, FakeDaemon, Step, http, plurimus
from .runtime import ENV, PATIENCE, SHIM, Node

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


def test_a_daemon_that_does_not_say_that_it_has_the_request_counts_as_away(node: Node, ours: FakeDaemon) -> None:
    """S38: it stands still, and what it will find once it goes on is that nobody waits."""
    node.patience = 0.3
    ours.tell = False
    ours.answers("/cni", FOREVER)
    assert "not ready" in (message := node.call("ADD").refused(11))
    assert "no answer in time" in message
    assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


def test_one_that_has_said_so_may_take_as_long_as_it_needs(node: Node, ours: FakeDaemon) -> None:
    """The runtime's patience is what ends it."""
    node.patience = 0.3
    ours.answers("/cni", 1.5, WHOLE)
    assert json.loads(node.call("ADD").printed()) == {"cniVersion": "1.0.0"}


@pytest.mark.parametrize(
    "interim", [b"", CONTINUE, b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n"], ids=["none", "another", "other"]
)
def test_whatever_comes_before_an_answer_is_passed_over(node: Node, ours: FakeDaemon, interim: bytes) -> None:
    """RFC 9110, section 15.2."""
    ours.answers("/cni", *(b"%c" % byte for byte in interim + WHOLE))
    assert json.loads(node.call("ADD").printed()) == {"cniVersion": "1.0.0"}


@pytest.mark.parametrize("verb", WAITING)
def test_a_daemon_that_ends_is_waited_for(node: Node, ours: FakeDaemon, verb: str) -> None:
    """F62: for the one that comes behind it."""
    ours.first_answers("/cni", http(503, b"shutting down\n"), times=3)
    node.call(verb).printed()
    assert ours.paths() == ["/cni/now"] * 4


@pytest.mark.parametrize("steps", [(), (UNREAD,)], ids=["closes", "closes-at-once"])
def test_so_is_one_that_closes_and_has_not_said_that_it_has_the_request(
    node: Node, ours: FakeDaemon, steps: Sequence[Step]
) -> None:
    """S38: as one does that ends while connections wait for it."""
    ours.tell = False
    ours.first_answers("/cni", *steps, times=2)
    node.call("ADD").printed()
    assert ours.paths() == ["/cni/now"] * 3


def test_a_daemon_that_only_ends_is_given_up(node: Node, ours: FakeDaemon) -> None:
    """F62, S38: the reason is in the message."""
    node.patience = 5.0  # seconds; a busy machine gets an answer within them
    ours.answers("/cni", http(503))
    assert "it is ending" in node.call("ADD").refused(11)


def test_that_it_ends_is_told_even_where_time_is_over_in_the_middle_of_the_next_attempt(
    node: Node, ours: FakeDaemon
) -> None:
    """S38: that time was up says nothing about why."""
    node.patience = 5.0
    ours.tell = False
    ours.answers("/cni", FOREVER).first_answers("/cni", http(503))
    assert "it is ending" in node.call("ADD").refused(11)


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
def test_a_daemon_that_dies_half_way_fails_add_and_leaves_del_spooled(
    node: Node, daemon: FakeDaemon, steps: Sequence[Step]
) -> None:
    """S5: nobody knows what a daemon that broke off had done, so the DEL is owed."""
    daemon.answers("/cni", *steps)
    message = node.call("ADD").refused(11)
    assert "broke off before it had answered" in message
    assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize("value", ["0.2", None, -1, [1], True, {}])
def test_a_time_limit_that_is_no_number_is_the_usual_one(node: Node, ours: FakeDaemon, value: object) -> None:
    """S38."""
    ours.first_answers("/cni", http(503))
    node.call("ADD", node.conf() | {"daemonTimeout": value}).printed()
    assert ours.paths() == ["/cni/now"] * 2


def test_what_has_come_is_read_however_late_the_shim_gets_to_it(node: Node, ours: FakeDaemon) -> None:
    """On a node where nothing gets its turn: the daemon has done its part, and nobody is to undo it."""
    node.patience = 3.0
    ours.tell = False
    told = json.dumps({"cniVersion": "1.0.0", "long": "x" * 200_000}).encode()  # more than is read at a time
    ours.answers("/cni", 0.5, plurimus(told))
    env = {"CNI_COMMAND": "ADD", **ENV}
    with subprocess.Popen([SHIM], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shim:
        assert shim.stdin is not None
        shim.stdin.write(json.dumps(node.conf()).encode())
        shim.stdin.close()
        while not ours.asked:
            time.sleep(0.01)
        shim.send_signal(signal.SIGSTOP)
        time.sleep(node.patience + 0.5)
        shim.send_signal(signal.SIGCONT)
        assert shim.stdout is not None
        assert shim.stdout.read() == told
