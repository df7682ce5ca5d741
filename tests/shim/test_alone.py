"""What the shim answers by itself, whether there is a daemon or not."""

from __future__ import annotations

import json
import subprocess

import pytest

from plurimus.version import VERSION

from .fake import FakeDaemon
from .runtime import PATIENCE, SHIM, Node, run

SUPPORTED = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def test_version_names_the_seven_versions_whatever_the_configuration_says() -> None:
    """F6; spec section 1.1: always in the newest version, and a newline at the end."""
    printed = run(b'{"cniVersion": "0.3.1"}', {"CNI_COMMAND": "VERSION"}).printed()
    assert json.loads(printed) == {"cniVersion": "1.1.0", "supportedVersions": SUPPORTED}
    assert printed.endswith(b"}\n")


def test_version_is_answered_while_standard_input_stays_open() -> None:
    """F6: the configuration is not read."""
    with subprocess.Popen(
        [SHIM], env={"CNI_COMMAND": "VERSION"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shim:
        assert shim.wait(PATIENCE) == 0
        assert shim.stdout is not None
        assert b"1.1.0" in shim.stdout.read()


def test_version_asks_no_daemon(node: Node, daemon: FakeDaemon) -> None:
    """F6."""
    node.call("VERSION").printed()
    assert daemon.asked == []


def test_without_a_command_it_says_what_it_is() -> None:
    """Spec section 1.2: to stderr, with exit status 0."""
    ended = run(b"", {})
    assert (ended.status, ended.stdout) == (0, b"")
    assert ended.stderr.decode().splitlines() == [
        "meta-plugin that delegates to other CNI plugins",
        f"CNI protocol versions supported: {', '.join(SUPPORTED)}",
    ]


@pytest.mark.parametrize("flag", ["-v", "-version", "--version"])
def test_a_flag_asks_for_the_release(flag: str) -> None:
    assert run(b"", {}, flag).printed().decode() == f"plurimus-shim: version:{VERSION}\n"


def test_a_configuration_above_the_limit_is_refused(node: Node, daemon: FakeDaemon) -> None:
    """Code 6, whatever a daemon would make of it."""
    too_long = json.dumps(node.conf(filler="x" * 2**24)).encode()
    for verb in ("ADD", "DEL"):
        assert str(2**24) in node.call(verb, too_long).refused(6)
    assert (daemon.asked, node.spooled()) == ([], {})


@pytest.mark.parametrize("key", ["daemonSocketDir", "cniDir"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(5, id="number"),
        pytest.param(["/run"], id="list"),
        pytest.param("/" + "x" * 5000, id="too-long"),
        pytest.param("/run/\0", id="nul"),
    ],
)
def test_a_path_that_cannot_be_read_is_refused(node: Node, key: str, value: object) -> None:
    """S5: the default in its place would be another daemon's, or a spool that nobody looks into."""
    for verb in ("ADD", "DEL"):
        message = node.call(verb, node.conf(**{key: value})).refused(7)
        assert key in message
        assert "xxx" not in message
    assert node.spooled() == {}


@pytest.mark.parametrize("length", [108, 200, 4000])
def test_a_path_too_long_for_a_socket_is_refused(node: Node, length: int) -> None:
    """Code 7, for DEL too: no daemon can be there."""
    folder = "/run/" + "x" * (length - len("/run//multus.sock"))
    for verb in ("ADD", "DEL"):
        assert "too long for a socket" in node.call(verb, node.conf(daemonSocketDir=folder)).refused(7)
    assert node.spooled() == {}


def test_the_longest_path_a_socket_can_have_is_tried(node: Node) -> None:
    folder = "/run/" + "x" * (107 - len("/run//multus.sock"))
    assert "No such file" in node.call("ADD", node.conf(daemonSocketDir=folder)).refused(11)
