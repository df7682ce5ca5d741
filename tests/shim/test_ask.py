"""What a kubelet's probes run: the shim asks its daemon how it is, and no more."""

from __future__ import annotations

import pytest

from .fake import FOREVER, FakeDaemon, http
from .runtime import Node, run


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
def test_a_daemon_that_says_yes_is_a_silent_success(node: Node, daemon: FakeDaemon, path: str) -> None:
    """Spec section 7.2."""
    assert run(b"", {}, "--ask", path, str(node.sockets)).printed() == b""
    assert daemon.paths() == [path]


def test_a_daemon_that_ends_is_alive_and_not_ready(node: Node, daemon: FakeDaemon) -> None:
    """Spec section 7.2: `/readyz` alone says 500 then."""
    daemon.answers("/readyz", http(500, b"shutting down\n"))
    ended = run(b"", {}, "--ask", "/readyz", str(node.sockets))
    assert (ended.status, ended.stdout) == (1, b"")
    assert ended.stderr.decode() == f"the daemon at {node.sockets}/multus.sock: /readyz says 500\n"
    run(b"", {}, "--ask", "/healthz", str(node.sockets)).printed()


def test_without_a_daemon_it_fails_and_says_where_it_looked(node: Node) -> None:
    ended = run(b"", {}, "--ask", "/healthz", str(node.sockets))
    assert (ended.status, ended.stdout) == (1, b"")
    assert ended.stderr.decode() == f"no daemon at {node.sockets}/multus.sock: No such file or directory\n"


def test_a_daemon_that_breaks_off_is_no_answer(node: Node, daemon: FakeDaemon) -> None:
    daemon.answers("/healthz", b"HTTP/1.1 2")
    ended = run(b"", {}, "--ask", "/healthz", str(node.sockets))
    assert ended.status == 1
    assert f"no daemon at {node.sockets}/multus.sock: its answer is cut off" in ended.stderr.decode()


def test_a_daemon_that_hangs_is_given_up(node: Node, daemon: FakeDaemon) -> None:
    """A kubelet ends the probe itself, sooner or later than that."""
    daemon.answers("/healthz", FOREVER)
    ended = run(b"", {}, "--ask", "/healthz", str(node.sockets), "1")
    assert ended.status == 1
    assert ended.stderr.decode() == f"no daemon at {node.sockets}/multus.sock: no answer in time\n"


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused() -> None:
    ended = run(b"", {}, "--ask", "/healthz", "/run/" + "x" * 100)
    assert (ended.status, ended.stdout) == (1, b"")
    assert "is too long for a socket" in ended.stderr.decode()


def test_its_folder_is_that_of_the_configuration_unless_told() -> None:
    """The default of `daemonSocketDir`."""
    assert b"/run/multus/multus.sock" in run(b"", {}, "--ask", "/healthz").stderr
