"""How the daemon starts, or says why it does not: in one line that names file, key and what was expected."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .process import PATIENCE, Daemon, eventually, refuses_to_start

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as made:
        yield made


def written(daemon: Daemon, **keys: Any) -> Path:
    """The daemon's configuration file, with `keys` laid over it."""
    path = daemon.folder / "daemon.json"
    path.write_text(json.dumps(daemon.config | keys))
    return path


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param({"logLevel": "loud"}, "'logLevel' is 'loud', expected one of panic, error, verbose", id="level"),
        pytest.param({"pluginTimeout": -1}, "'pluginTimeout' is -1.0, expected seconds, above 0", id="negative"),
        pytest.param({"connectionLimit": 0}, "'connectionLimit' is 0, expected a number above 0", id="limit"),
        pytest.param({"binDir": 5}, "Expected `str`, got `int` - at `$.binDir`", id="wrong-type"),
        pytest.param(
            {"logOptions": {"maxAge": "x"}}, "Expected `int`, got `str` - at `$.logOptions.maxAge`", id="inside"
        ),
    ],
)
def test_a_wrong_key_is_named_with_what_was_expected(daemon: Daemon, keys: dict[str, Any], words: str) -> None:
    """Spec section 7.5."""
    path = written(daemon, **keys)
    said = refuses_to_start(path)
    assert said.startswith(f"plurimus: {path}: daemon configuration: ")
    assert words in said
    assert not Path(daemon.config["socketDir"]).exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param(b'{"logLevel": ', "line 1 column 14", id="torn"),
        pytest.param(b'["a"]', "expected a JSON object, got a list", id="list"),
        pytest.param(b'{"binDir": "\xff"}', "utf-8", id="no-utf-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    """Spec section 7.5."""
    path = tmp_path / "daemon.json"
    if content is not None:
        path.write_bytes(content)
    said = refuses_to_start(path)
    assert said.startswith(f"plurimus: {path}: ")
    assert words in said


def test_a_place_the_daemon_cannot_use_is_named(daemon: Daemon) -> None:
    """The folders of socket and log file."""
    (daemon.folder / "file").write_text("")
    for key, below in (("socketDir", "file/below"), ("socketDir", "x" * 100), ("logFile", "file/below.log")):
        place = daemon.folder / below
        said = refuses_to_start(written(daemon, **{key: str(place)}))
        assert key in said
        assert str(place) in said


def test_unknown_keys_are_warned_of_by_name_and_nothing_else_is(daemon: Daemon) -> None:
    """Spec section 2.7: with the known key that was meant, and whatever the case of those that are known."""
    daemon.config |= {"readinessIndicatorFil": "/x", "LOGTOSTDERR": True, "somethingElse": 1}
    daemon.start()
    warnings = [line["event"] for line in daemon.lines() if line["level"] == "warning"]
    assert warnings == [
        "daemon configuration: unknown key 'readinessIndicatorFil' is ignored, did you mean 'readinessindicatorfile'?",
        "daemon configuration: unknown key 'somethingElse' is ignored",
    ]


AS_NOBODY = """
import os
import plurimus.cli.daemon
from plurimus.cli.main import main
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
main()
"""


def test_only_root_may_start_it(daemon: Daemon) -> None:
    """Spec section 7.1."""
    argv = [sys.executable, "-c", AS_NOBODY, "daemon", "--config", written(daemon)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "plurimus: the daemon must run as root: it enters the network namespaces of pods\n"


def test_it_does_not_serve_before_the_default_network_is_ready(daemon: Daemon) -> None:
    """F21: a node is ready when its daemon's socket answers."""
    sign = daemon.folder / "ready"
    path = written(daemon, readinessindicatorfile=str(sign), readinessTimeout=0.2)
    said = refuses_to_start(path)
    assert f"{sign} (readinessindicatorfile) did not appear within 0.2 s" in said
    assert not Path(daemon.config["socketDir"]).exists()
    daemon.config |= {"readinessindicatorfile": str(sign), "readinessTimeout": PATIENCE}
    daemon.spawn()
    eventually(lambda: bool(daemon.logged("waiting for the default network")), daemon.log.read_text)
    assert daemon.asks("/healthz") == 0
    sign.touch()
    daemon.wait_until_ready()
    daemon.pod().add()


def test_a_daemon_that_waits_for_the_default_network_can_be_ended(daemon: Daemon) -> None:
    """F84, F21: without waiting for the end of the wait."""
    daemon.config |= {"readinessindicatorfile": str(daemon.folder / "never"), "readinessTimeout": 3600}
    daemon.spawn()
    eventually(lambda: bool(daemon.logged("waiting for the default network")), daemon.log.read_text)
    daemon.process.terminate()
    assert daemon.process.wait(PATIENCE) == 0
    assert daemon.lines()[-1]["event"] == "stopped"
