"""The daemon as a process: its socket, who may use it, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import PLURIMUS
from .process import PATIENCE, Daemon, eventually, refuses_to_start

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as made:
        yield made


def test_folder_and_socket_are_for_root_alone(daemon: Daemon) -> None:
    """F60; spec section 7.1."""
    daemon.start()
    path = Path(daemon.config["socketDir"])
    assert (path.stat().st_mode & 0o7777, (path / "multus.sock").stat().st_mode & 0o7777) == (0o700, 0o600)


def test_what_else_lies_beside_the_socket_survives_start_and_end(daemon: Daemon) -> None:
    """S31: a kubeconfig, for example."""
    folder = Path(daemon.config["socketDir"])
    (folder / "below").mkdir(parents=True)
    (folder / "multus.kubeconfig").write_text("theirs")
    daemon.start()
    daemon.stop()
    assert sorted(path.name for path in folder.iterdir()) == ["below", "multus.kubeconfig"]


def test_a_killed_daemon_leaves_a_socket_that_the_next_replaces(daemon: Daemon) -> None:
    """S31."""
    daemon.start()
    daemon.kill()
    assert (Path(daemon.config["socketDir"]) / "multus.sock").is_socket()
    assert daemon.asks("/healthz") == 0
    daemon.start()
    daemon.pod().add()


def test_a_daemon_that_lives_keeps_its_socket(daemon: Daemon) -> None:
    """Spec section 7.1: two daemons would undo each other's sandboxes."""
    daemon.start()
    said = refuses_to_start(daemon.folder / "daemon.json")
    assert f"another daemon is listening on {daemon.config['socketDir']}/multus.sock; stop it first" in said
    daemon.pod().add()
    assert daemon.process.poll() is None


def test_of_daemons_started_at_once_one_serves(daemon: Daemon) -> None:
    """Spec section 7.1: whoever comes second ends, and takes nothing away from the first."""
    config = daemon.folder / "daemon.json"
    config.write_text(json.dumps(daemon.config))
    started = [subprocess.Popen([PLURIMUS, "daemon", "--config", config], stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        eventually(lambda: sum(each.poll() is not None for each in started) == 1, lambda: started)
        assert sorted(each.returncode for each in started if each.poll() is not None) == [1]
        assert daemon.asks("/readyz") == 200
    finally:
        for each in started:
            each.terminate()
            each.wait(PATIENCE)
    assert sorted(each.returncode for each in started) == [0, 1]


SPEAK = """
import os, socket
os.chdir({folder!r})
os.setgroups([])
os.setgid({user})
os.setuid({user})
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect("multus.sock")
    channel.sendall(b"POST {path} HTTP/1.1\\r\\nHost: node\\r\\nContent-Length: 0\\r\\n\\r\\n")
    print(channel.makefile("rb").readline().split()[1].decode())
"""


@pytest.mark.parametrize(("user", "status"), [(0, "200"), (65534, "403")])
def test_only_root_may_speak(daemon: Daemon, user: int, status: str) -> None:
    """Spec section 7.1: even where somebody opened folder and socket to all."""
    daemon.start()
    folder = Path(daemon.config["socketDir"])
    folder.chmod(0o777)
    (folder / "multus.sock").chmod(0o666)
    script = SPEAK.format(folder=str(folder), user=user, path="/healthz")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (status, "")
    assert [line["user"] for line in daemon.logged("refused a connection")] == [user] * (status == "403")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_daemon(daemon: Daemon, number: signal.Signals) -> None:
    """F84: with status 0 and without its socket."""
    daemon.start()
    daemon.process.send_signal(number)
    assert daemon.process.wait(PATIENCE) == 0
    assert list(Path(daemon.config["socketDir"]).iterdir()) == []
    assert [line["event"] for line in daemon.lines()][-1] == "stopped"


def test_a_request_that_runs_is_answered_before_the_daemon_ends(daemon: Daemon) -> None:
    """F84, S39: meanwhile it is not ready, so no shim sends it another one, but it is alive for DEL."""
    daemon.start()
    sandbox = daemon.pod()
    shim = daemon.begin(sandbox, "ADD")
    daemon.process.terminate()
    eventually(lambda: daemon.asks("/readyz") == 500, daemon.log.read_text)
    assert daemon.asks("/healthz") == 200
    assert (shim.poll(), daemon.process.poll()) == (None, None)
    daemon.go()
    stdout, _ = shim.communicate(timeout=PATIENCE)
    assert (shim.returncode, json.loads(stdout)["cniVersion"]) == (0, "1.1.0")
    assert daemon.process.wait(PATIENCE) == 0
    assert sandbox.recorded() == ["pods"]
    assert not (Path(daemon.config["socketDir"]) / "multus.sock").exists()


def test_the_nodes_cni_configuration_stays_when_the_daemon_ends(daemon: Daemon) -> None:
    """S3, F84: without it pods would start with the default network alone."""
    folder = daemon.folder / "etc"
    folder.mkdir()
    (folder / "00-multus.conf").write_text('{"name": "multus-cni-network"}')
    daemon.config["cniConfigDir"] = str(folder)
    daemon.start()
    daemon.stop()
    daemon.start()
    daemon.kill()
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "00-multus.conf": '{"name": "multus-cni-network"}'
    }


def test_what_a_killed_daemon_had_begun_is_undone_by_the_next(daemon: Daemon) -> None:
    """F2: the record was on the disk before the plugin ran."""
    daemon.start()
    sandbox = daemon.pod()
    shim = daemon.begin(sandbox, "ADD")
    daemon.kill()
    stdout, _ = shim.communicate(timeout=PATIENCE)
    assert (shim.returncode, json.loads(stdout)["code"]) == (1, 11)
    daemon.go()
    daemon.start()
    assert sandbox.recorded() == ["pods"]
    sandbox.delete()
    assert sandbox.recorded() == []
    assert daemon.made()[-1] == f"DEL {sandbox.id}"


def test_a_plugin_inherits_nothing_of_the_daemons(daemon: Daemon) -> None:
    """One that outlives its daemon must not keep the socket or the log open."""
    daemon.script(
        "told", "print(json.dumps({'code': 120, 'msg': ' '.join(sorted(os.listdir('/proc/self/fd')))}))\nsys.exit(1)"
    )
    daemon.start()
    assert daemon.pod().call("ADD").refused(120).split()[-4:] == ["0", "1", "2", "3"]  # the last one is the listing
