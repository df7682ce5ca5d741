"""How the shim answers the runtime when a daemon answers it: with exactly what the daemon said."""

from __future__ import annotations

import json
import subprocess

import pytest

from plurimus.cni.errors import AttachmentError, encode_error

from .fake import UNREAD, FakeDaemon, http, plurimus
from .runtime import ENV, PATIENCE, SHIM, Node

RESULT = b'{\n    "cniVersion": "0.3.1",\n    "dns": {}\n}'
VERBS = ("ADD", "CHECK", "STATUS", "GC", "DEL")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("stdout", [b"", RESULT, b"\x00\xff no JSON at all\r\n\r\n"], ids=["empty", "result", "bytes"])
def test_the_daemons_words_are_printed_as_they_are(node: Node, daemon: FakeDaemon, verb: str, stdout: bytes) -> None:
    """F60, F84: nothing is added, nothing is reformatted."""
    daemon.answers("/cni", plurimus(stdout))
    assert node.call(verb).printed() == stdout


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("code", [7, 11, 50, 51, 100])
def test_an_error_of_the_daemon_keeps_its_code_and_words(node: Node, daemon: FakeDaemon, verb: str, code: int) -> None:
    """S20, and S5: a DEL that failed is answered as one."""
    error = encode_error(AttachmentError('[default/pod:net]: <no> "way" & ü', details="a\nb", code=code))
    daemon.answers("/cni", plurimus(error, exit_code=1))
    ended = node.call(verb)
    assert (ended.status, ended.stdout, ended.stderr) == (1, error, b"")
    assert node.spooled() == {}


def test_an_answer_may_come_in_pieces(node: Node, daemon: FakeDaemon) -> None:
    whole = plurimus(RESULT)
    steps = [step for at in range(0, len(whole), 7) for step in (whole[at : at + 7], 0.002)]
    daemon.answers("/cni", *steps)
    assert node.call("ADD").printed() == RESULT


def test_an_answer_may_come_late(node: Node, daemon: FakeDaemon) -> None:
    """S38: the time limit is for finding a daemon, not for its work."""
    daemon.answers("/cni", 1.5, plurimus(RESULT))
    assert node.call("ADD", node.conf(daemonTimeout=1.0)).printed() == RESULT


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"%x\r\n" % len(RESULT) + RESULT + b"\r\n0\r\n\r\n", id="one"),
        pytest.param(
            b"%X;extension=1\r\n" % len(RESULT) + RESULT + b"\r\n0\r\nTrailer: x\r\n\r\n", id="extension-and-trailer"
        ),
        pytest.param(
            b"5\r\n" + RESULT[:5] + b"\r\n%x\r\n" % (len(RESULT) - 5) + RESULT[5:] + b"\r\n0\r\n\r\n", id="two"
        ),
        pytest.param(b"".join(b"1\r\n%c\r\n" % byte for byte in RESULT) + b"0\r\n\r\n", id="each-byte"),
    ],
)
def test_a_chunked_answer_is_joined(node: Node, daemon: FakeDaemon, chunks: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nplurimus-exit: 0\r\ntransfer-encoding: Chunked\r\n\r\n"
    daemon.answers("/cni", head + chunks)
    assert node.call("ADD").printed() == RESULT


def test_ten_megabytes_are_printed(node: Node, daemon: FakeDaemon) -> None:
    daemon.answers("/cni", plurimus(b"0123456789abcdef" * 2**16 * 10))
    assert node.call("ADD").printed() == b"0123456789abcdef" * 2**16 * 10


def test_what_follows_the_announced_length_is_not_printed(node: Node, daemon: FakeDaemon) -> None:
    daemon.answers("/cni", plurimus(RESULT) + b"HTTP/1.1 500 Other\r\n\r\n")
    assert node.call("ADD").printed() == RESULT


@pytest.mark.parametrize("filler", ["", "x" * 10 * 2**20], ids=["small", "ten-megabytes"])
def test_an_answer_before_the_request_was_read_is_printed(node: Node, daemon: FakeDaemon, filler: str) -> None:
    """The daemon closes with bytes unread, so the connection ends with a reset behind its answer."""
    error = encode_error(AttachmentError("no", code=4))
    daemon.answers("/cni", UNREAD, plurimus(error, exit_code=1))
    assert node.call("ADD", node.conf(filler=filler)).refused(4) == "no"


def test_a_runtime_that_went_away_ends_the_shim_without_a_signal(node: Node, daemon: FakeDaemon) -> None:
    """SIGPIPE: the exit status says that nobody got the answer."""
    daemon.answers("/cni", 0.2, plurimus(RESULT * 2**16))
    with subprocess.Popen(
        [SHIM], env={"CNI_COMMAND": "ADD", **ENV}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as shim:
        assert shim.stdin is not None
        assert shim.stdout is not None
        shim.stdin.write(json.dumps(node.conf()).encode())
        shim.stdin.close()
        shim.stdout.close()
        assert shim.wait(PATIENCE) == 1


def test_an_error_page_of_something_else_is_an_error(node: Node, daemon: FakeDaemon) -> None:
    daemon.answers("/cni", http(403, b"only root may use this socket\n"))
    message = node.call("ADD").refused(999)
    assert message == "CNI request failed with status 403: 'only root may use this socket\n'"
