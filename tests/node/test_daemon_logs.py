"""What the daemon writes down while it works: an object per line, with what the line is about."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .process import Daemon, eventually
from .runtime import Sandbox

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Sandbox]]:
    """A daemon that was started, served an ADD, a failed ADD, a DEL and a visitor who speaks no HTTP, and ended."""
    with Daemon(tmp_path_factory.mktemp("logs")) as daemon:
        daemon.config |= {"logFile": str(daemon.folder / "log/plurimus.log"), "logLevl": "debug"}
        daemon.start()
        daemon.network("blue", {"cniVersion": "1.0.0", "type": "told", "password": "s3cret"})
        daemon.network("red", {"cniVersion": "1.0.0", "type": "missing", "password": "s3cret"})
        default = {"cniVersion": "1.0.0", "name": "pods", "type": "told"}
        sandbox = daemon.sandbox("blue@net9", cluster_network=default)
        sandbox.add()
        sandbox.delete()
        assert sandbox.call("ADD", cniVersion="9").status == 1
        assert daemon.sandbox("red", cluster_network=default).call("ADD").status == 1
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(Path(daemon.config["socketDir"]) / "multus.sock"))
            visitor.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            visitor.recv(4096)
        eventually(lambda: daemon.asks("/readyz") == 200, daemon.log.read_text)
        daemon.stop()
        yield daemon, sandbox


def test_every_line_is_an_object_with_time_level_and_event(told: tuple[Daemon, Sandbox]) -> None:
    """F25: whoever wrote it, the libraries included, and whatever the level."""
    lines = told[0].lines()
    assert len(lines) > 8
    for line in lines:
        assert line.keys() >= {"timestamp", "level", "event"}
        assert line["level"] in ("debug", "info", "warning", "error", "critical")


def test_file_and_stderr_have_the_same_lines(told: tuple[Daemon, Sandbox]) -> None:
    """F25, S46: `logToStderr` is the default.  Neither shows what is in a configuration."""
    daemon = told[0]
    written = (daemon.folder / "log/plurimus.log").read_text()
    assert daemon.log.read_text() == written
    assert "s3cret" not in written


def test_what_is_attached_is_one_line_with_pod_networks_and_interfaces(told: tuple[Daemon, Sandbox]) -> None:
    """F25."""
    daemon, sandbox = told
    (attached,) = [line for line in daemon.logged("attached") if line["container"] == sandbox.id]
    there = [(each["network"], each["interface"]) for each in attached["attachments"]]
    assert there == [("pods", "eth0"), ("default/blue", "net9")]
    for line in (attached, *[line for line in daemon.logged("detached") if line["container"] == sandbox.id]):
        assert line["pod"] == f"default/{sandbox.pod}/{sandbox.uid}"
        assert line["level"] == "info"
    assert attached["verb"] == "ADD"


def test_a_failed_request_is_a_line_with_code_and_words(told: tuple[Daemon, Sandbox]) -> None:
    """F25, F90: the words the runtime got."""
    failed = told[0].logged("request failed")
    assert [(line["level"], line["code"]) for line in failed] == [("error", 1), ("error", 999)]
    assert re.match(r"\[default/pod\d+/uid-\d+:red\]: error adding container to network \"red\": ", failed[1]["error"])
    assert 'failed to find plugin "missing"' in failed[1]["error"]
    assert [line["verb"] for line in failed] == ["ADD", "ADD"]
    assert all(line["container"] for line in failed)


def test_the_odd_key_is_warned_of(told: tuple[Daemon, Sandbox]) -> None:
    """Spec section 2.7."""
    warnings = [line["event"] for line in told[0].lines() if line["level"] == "warning"]
    assert "daemon configuration: unknown key 'logLevl' is ignored, did you mean 'logLevel'?" in warnings


def test_start_and_end_are_lines(told: tuple[Daemon, Sandbox]) -> None:
    """F84."""
    events = [line["event"] for line in told[0].lines()]
    assert events.count("ready") == 1
    assert events[-2:] == ["stopping; running requests may end", "stopped"]
