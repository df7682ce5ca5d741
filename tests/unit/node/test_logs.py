"""Logs: where they go, what is in a line, when a file is rotated (F25)."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from plurimus.cni.errors import Code, ConfigError
from plurimus.core import config
from plurimus.node import logs

pytestmark = pytest.mark.usefixtures("restored_logging")


def configure(**keys: Any) -> None:
    logs.configure(config.parse(json.dumps(keys).encode()).daemon)


def log(event: str, method: str = "info", **keys: Any) -> None:
    getattr(structlog.get_logger("test"), method)(event, **keys)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_an_object_with_what_the_request_is_about(tmp_path: Path) -> None:
    """F25."""
    path = tmp_path / "made/on/demand.log"
    configure(logFile=str(path), logToStderr=False)
    with structlog.contextvars.bound_contextvars(pod="ns/pod/uid", container="cid1"):
        log("attached", network="default/a", interface="net1")
    ((line),) = lines(path)
    stamp = line.pop("timestamp")
    assert line == {"event": "attached", "level": "info", "pod": "ns/pod/uid", "container": "cid1",
                    "network": "default/a", "interface": "net1"}  # fmt: skip
    assert stamp.endswith("Z")


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("panic", ["critical"]),
        ("error", ["error", "critical"]),
        ("verbose", ["info", "warning", "error", "critical"]),
        ("debug", ["debug", "info", "warning", "error", "critical"]),
        ("Debug", ["debug", "info", "warning", "error", "critical"]),
    ],
)
def test_the_level_says_what_is_written(level: str, written: list[str], tmp_path: Path) -> None:
    """F25."""
    path = tmp_path / "log"
    configure(logFile=str(path), logLevel=level)
    for method in ("debug", "info", "warning", "error", "critical"):
        log("x", method)
    assert [line["level"] for line in lines(path)] == written


@pytest.mark.parametrize(
    ("file", "stderr", "goes"),
    [
        (False, True, (False, True)),
        (False, False, (False, True)),
        (True, False, (True, False)),
        (True, True, (True, True)),
    ],
)
def test_logs_go_where_the_configuration_says(
    file: bool, stderr: bool, goes: tuple[bool, bool], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """F25: and to stderr where it says nowhere, lest nobody learns of anything."""
    path = tmp_path / "log"
    configure(logFile=str(path) if file else "", logToStderr=stderr)
    log("hello")
    assert (path.exists() and "hello" in path.read_text(), "hello" in capsys.readouterr().err) == goes


def test_an_exception_is_in_its_line(tmp_path: Path) -> None:
    """F25: so that a line still is one."""
    path = tmp_path / "log"
    configure(logFile=str(path))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log("failed", "exception")
    (line,) = lines(path)
    assert "Traceback" in line["exception"]


def fill(times: int) -> None:
    """Write a line so many times of which a file of one megabyte holds only one."""
    for number in range(times):
        log(f"{number} " + "x" * 600_000)


def test_a_full_file_is_rotated_and_compressed(tmp_path: Path) -> None:
    """F25: maxSize, compress."""
    path = tmp_path / "log"
    configure(logFile=str(path), logToStderr=False, logOptions={"maxSize": 1})
    fill(3)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log", "log.1.gz", "log.2.gz"]
    with gzip.open(tmp_path / "log.2.gz") as old:
        assert json.loads(old.read())["event"].startswith("0 ")
    assert lines(path)[0]["event"].startswith("2 ")


def test_only_so_many_old_files_are_kept_as_they_are(tmp_path: Path) -> None:
    """F25: maxBackups; compress off."""
    configure(logFile=str(tmp_path / "log"), logToStderr=False,
              logOptions={"maxSize": 1, "maxBackups": 2, "compress": False})  # fmt: skip
    fill(5)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert lines(tmp_path / "log.1")[0]["event"].startswith("3 ")


@pytest.mark.parametrize(("age", "kept"), [(5, False), (0, True), (30, True)])
def test_old_files_go_after_so_many_days(age: int, kept: bool, tmp_path: Path) -> None:
    """F25: maxAge; 0 keeps them."""
    configure(logFile=str(tmp_path / "log"), logToStderr=False, logOptions={"maxSize": 1, "maxAge": age})
    fill(2)
    ten_days_ago = time.time() - 10 * 86400
    os.utime(tmp_path / "log.1.gz", (ten_days_ago, ten_days_ago))
    fill(1)
    assert (tmp_path / "log.2.gz").exists() is kept


ONE_OF_MANY = """
import sys, structlog
from plurimus.core import config
from plurimus.node import logs
parsed = config.parse(sys.stdin.readline().encode()).daemon
print("ready", flush=True)
for turn in sys.stdin:
    logs.configure(parsed, shared=True)
    structlog.get_logger("test").info(f"{sys.argv[1]} {turn.strip()}")
    print("done", flush=True)
"""


def test_a_file_of_many_processes_is_rotated_once_and_no_line_is_lost(tmp_path: Path) -> None:
    """F25, S40: uncompressed, since a runtime waits, and it is another process that still writes to the old one."""
    path, turns = tmp_path / "log", 4
    keys = {"logFile": str(path), "logToStderr": False, "logOptions": {"maxSize": 1, "maxBackups": turns}}
    with contextlib.ExitStack() as stack:
        many = [
            stack.enter_context(subprocess.Popen(
                [sys.executable, "-I", "-c", ONE_OF_MANY, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, bufsize=1,
            )) for number in range(4)
        ]  # fmt: skip

        def each(line: str, answer: str) -> None:
            for process in many:
                assert process.stdin is not None
                process.stdin.write(line + "\n")
            for process in many:
                assert process.stdout is not None
                assert process.stdout.readline() == answer + "\n"

        each(json.dumps(keys), "ready")
        for turn in range(turns):
            with path.open("a") as file:
                file.write(json.dumps({"event": f"full {turn} " + "x" * 2**20}) + "\n")
            each(str(turn), "done")
    written = {entry.name: [line["event"][:6] for line in lines(entry)] for entry in tmp_path.iterdir()}
    assert sorted(written) == ["log", *(f"log.{number}" for number in range(1, turns + 1))]
    for turn in range(turns):
        assert f"full {turn}" in written[f"log.{turns - turn}"]
    events = sorted(event for events in written.values() for event in events)
    assert events == sorted([*(f"{number} {turn}" for number in range(4) for turn in range(turns)),
                             *(f"full {turn}" for turn in range(turns))])  # fmt: skip


def test_a_link_is_rotated_where_it_leads_to(tmp_path: Path) -> None:
    """S40."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "log").symlink_to(tmp_path / "kept/log")
    (tmp_path / "kept/log").write_text("x" * 2**20)
    parsed = config.parse(json.dumps({"logFile": f"{tmp_path}/log", "logOptions": {"maxSize": 1}}).encode()).daemon
    logs.configure(parsed, shared=True)
    log("new")
    assert (tmp_path / "kept/log.1").stat().st_size == 2**20
    assert [line["event"] for line in lines(tmp_path / "kept/log")] == ["new"]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """F25."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=rf"'logFile' {tmp_path}/file/log cannot be opened: ") as caught:
        configure(logFile=str(tmp_path / "file/log"))
    assert caught.value.code == Code.INVALID_CONFIG
