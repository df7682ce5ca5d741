"""`plurimus install`, `uninstall` and `doctor` as commands: what they print, and how they end."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest
from click.testing import CliRunner, Result

from plurimus.cli.main import root

from .test_commands import process


class Folders:
    def __init__(self, folder: Path) -> None:
        self.bin, self.conf, self.state, self.run = (folder / name for name in ("bin", "net.d", "state", "run"))
        for made in (self.bin, self.conf, self.state, self.run):
            made.mkdir()

    def install(self, *more: str) -> Result:
        argv = ["install", "--bin-dir", str(self.bin), "--conf-dir", str(self.conf), *more]
        return CliRunner().invoke(root, argv, catch_exceptions=False)

    def uninstalling(self, *more: str) -> list[str]:
        return ["uninstall", "--bin-dir", str(self.bin), "--conf-dir", str(self.conf), "--cni-dir", str(self.state),
                "--socket-dir", str(self.run), *more]  # fmt: skip

    def uninstall(self, *more: str) -> Result:
        return CliRunner().invoke(root, self.uninstalling(*more), catch_exceptions=False)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_installing_says_what_it_did(folders: Folders) -> None:
    """F81: for people and for programs."""
    done = folders.install()
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.output.splitlines()[1:]] == [["installed", str(folders.bin / "plurimus")]]
    again = folders.install("--output", "json")
    assert json.loads(again.output) == [{"path": str(folders.bin / "plurimus"), "done": "unchanged", "note": ""}]


def test_taking_over_says_what_became_of_multus(folders: Folders) -> None:
    """F81."""
    (folders.conf / "00-multus.conf").write_text("{}")
    rows = json.loads(folders.install("--replace-multus", "--output", "json").output)
    assert rows[-1] == {
        "path": str(folders.conf / "00-multus.conf"),
        "done": "renamed to 00-plurimus.conf",
        "note": "used until the daemon writes its own",
    }


def test_another_shim_may_be_named(folders: Folders, tmp_path: Path) -> None:
    """F81."""
    shim = tmp_path / "mine"
    shim.write_text("""#!/bin/sh\necho '{"supportedVersions": ["1.0.0"]}'\n""")
    shim.chmod(0o755)
    assert folders.install("--shim", str(shim)).exit_code == 0
    assert (folders.bin / "plurimus").read_bytes() == shim.read_bytes()


def test_what_fails_is_one_line_and_a_status_that_is_not_zero(tmp_path: Path) -> None:
    """S16: an init container that fails must be seen to."""
    done = process("install", "--bin-dir", str(tmp_path / "missing"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"plurimus: {tmp_path}/missing: no such folder")


def test_uninstalling_says_why_the_shim_stays(folders: Folders) -> None:
    """F71, F81."""
    folders.install()
    (folders.conf / "00-plurimus.conflist").write_text("{}")
    (folders.state / "sandbox1").write_text("[]")
    done = folders.uninstall()
    assert done.exit_code == 0
    assert "1 pods on record" in done.output
    rows = json.loads(folders.uninstall("--force", "--output", "json").output)
    assert rows == [{"path": str(folders.bin / "plurimus"), "done": "removed", "note": ""}]
    assert folders.uninstall().output == "nothing to do\n"


def test_a_node_whose_daemon_runs_is_not_uninstalled(folders: Folders) -> None:
    """F71: it would put the configuration back; the one that insists is let."""
    folders.install()
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(folders.run / "multus.sock"))
        daemon.listen()
        done = process(*folders.uninstalling())
        assert done.returncode == 1
        assert "a daemon is listening on" in done.stderr
        assert (folders.bin / "plurimus").exists()
        assert folders.uninstall("--force").exit_code == 0
    assert not (folders.bin / "plurimus").exists()


class OfMultus(BaseHTTPRequestHandler):
    """A daemon that has its probe for GET alone."""

    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_the_daemon_of_multus_does_not_keep_a_node_from_being_uninstalled(folders: Folders) -> None:
    """F71: it is back on the socket both use, and puts nothing of ours back."""
    folders.install()
    with ThreadingUnixStreamServer(str(folders.run / "multus.sock"), OfMultus) as daemon:
        thread = threading.Thread(target=daemon.serve_forever)
        thread.start()
        done = process(*folders.uninstalling())
        daemon.shutdown()
        thread.join()
    assert done.returncode == 0, done.stderr
    assert not (folders.bin / "plurimus").exists()


def test_the_doctor_ends_with_status_1_where_there_is_a_problem(tmp_path: Path) -> None:
    """And says what to do, for people and for programs."""
    path = tmp_path / "daemon.json"
    path.write_text("{")
    done = process("doctor", "--config", str(path))
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.splitlines()[1].split()[:2] == ["problem", "configuration"]
    rows = json.loads(process("doctor", "--config", str(path), "--output", "json").stdout)
    assert [(row["level"], row["subject"]) for row in rows] == [("problem", "configuration")]
    assert rows[0]["text"].startswith(f"{path}: ")
    assert rows[0]["todo"] == "mend the daemon's file; the daemon does not start with it"
