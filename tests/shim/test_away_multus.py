"""A daemon of Multus that is away, not ready or slow: it is asked for readiness before a request is sent to it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from .fake import FOREVER, FakeDaemon, Step, http
from .runtime import Node
from .test_away import NO_ANSWER, WAITING


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((FOREVER,), id="silent"),
        pytest.param((b"HTTP/1.1 200 OK\r\n", FOREVER), id="stops-in-the-headers"),
        pytest.param(tuple(step for byte in http(200) * 100 for step in (b"%c" % byte, 0.02)), id="drips"),
    ],
)
def test_a_daemon_that_does_not_finish_its_answer_is_not_ready(
    node: Node, multus: FakeDaemon, steps: Sequence[Step]
) -> None:
    """S38: the limit is for all attempts together, however slowly bytes come."""
    node.patience = 0.3
    multus.answers("/readyz", *steps).answers("/healthz", *steps)
    assert "no answer in time" in node.call("ADD").refused(11)
    assert node.call("DEL").printed() == b""
    assert "/cni" not in multus.paths()
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize("verb", WAITING)
def test_a_daemon_that_is_not_ready_is_waited_for(node: Node, multus: FakeDaemon, verb: str) -> None:
    """F62: 500 is the answer of a daemon that stops, or has not started."""
    multus.first_answers("/readyz", http(500, b"shutting down\n"), times=3)
    node.call(verb).printed()
    assert multus.paths() == [*["/readyz"] * 4, "/cni"]


def test_a_daemon_that_never_is_ready_is_given_up(node: Node, multus: FakeDaemon) -> None:
    """F62, S38: the reason is in the message."""
    node.patience = 5.0  # seconds; a busy machine gets an answer within them
    multus.answers("/readyz", http(500))
    assert "/readyz says 500" in node.call("ADD").refused(11)
    assert set(multus.paths()) == {"/readyz"}


def test_what_the_daemon_said_is_told_even_where_time_ends_in_the_middle_of_the_next_attempt(
    node: Node, multus: FakeDaemon
) -> None:
    """S38: that time was up says nothing about why."""
    node.patience = 5.0  # seconds; a busy machine gets the first answer within them
    multus.answers("/readyz", FOREVER).first_answers("/readyz", http(500))
    assert "/readyz says 500" in node.call("ADD").refused(11)


def test_an_older_daemon_without_readyz_is_asked_for_life(node: Node, multus: FakeDaemon) -> None:
    """F62; spec section 7.3: Multus up to 4.3.0 knows only /healthz."""
    multus.answers("/readyz", http(404, b"404 page not found\n")).first_answers("/healthz", http(500))
    node.call("ADD").printed()
    assert multus.paths() == ["/readyz", "/healthz", "/healthz", "/cni"]


@pytest.mark.parametrize("steps", NO_ANSWER)
def test_a_probe_without_an_answer_is_no_daemon(node: Node, multus: FakeDaemon, steps: Sequence[Step]) -> None:
    """S38, S5."""
    node.patience = 0.1
    multus.answers("/readyz", *steps).answers("/healthz", *steps)
    assert "not ready" in node.call("ADD").refused(11)
    assert node.call("DEL").printed() == b""
    assert set(node.spooled()) == {"sandbox1-eth0.json"}
