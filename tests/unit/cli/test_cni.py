"""`python -m plurimus.cli.cni`: a process for one call."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

NEEDED_BY_OTHERS = {"h11", "yaml", "click", "rich", "http.client", "plurimus.node.daemon", "plurimus.node.server"}


def imported(*modules: str) -> set[str]:
    """What a fresh Python has in memory after importing these."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def call(stdin: bytes, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", "-m", "plurimus.cli.cni"]
    return subprocess.run(command, input=stdin, env=env, capture_output=True, check=False, timeout=60)


def test_a_delete_brings_nothing_it_can_do_without() -> None:
    """Decision 14: imports are most of what a call costs."""
    found = imported("plurimus.cli.cni")
    assert "plurimus.node.request" in found
    assert found & NEEDED_BY_OTHERS == set()


def test_asking_the_api_server_brings_no_more_than_pythons_own_client() -> None:
    """Decision 14."""
    found = imported("plurimus.cli.cni", "plurimus.adapters.kubernetes", "plurimus.adapters.oneshot")
    assert found & NEEDED_BY_OTHERS == {"http.client"}


def test_it_answers_version_itself() -> None:
    """F6: by which `plurimus thin` sees that it works."""
    done = call(b"", CNI_COMMAND="VERSION")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["cniVersion"] == "1.1.0"


@pytest.mark.parametrize(
    ("stdin", "code"),
    [(b"", 6), (b"[]", 6), (b"{}", 7), (b'{"name": "a b"}', 7), (b'{"name": "a", "cniVersion": 5}', 7)],
)
def test_what_is_no_configuration_is_a_cni_error(stdin: bytes, code: int) -> None:
    """Spec section 1.2."""
    done = call(stdin, CNI_COMMAND="ADD")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == code


def test_missing_variables_are_named_together(tmp_path: Path) -> None:
    """Spec section 1.2: code 4."""
    done = call(json.dumps({"name": "a", "cniDir": str(tmp_path)}).encode(), CNI_COMMAND="ADD")
    said = json.loads(done.stdout)
    assert said["code"] == 4
    assert {"CNI_CONTAINERID", "CNI_NETNS"} <= set(
        said["msg"].replace("[", " ").replace("]", " ").replace(",", " ").split()
    )


def test_a_log_file_that_cannot_be_opened_keeps_no_call_from_its_work(tmp_path: Path) -> None:
    """S5: a DEL with nothing on record succeeds; what is wrong is on standard error."""
    conf = {"name": "a", "cniVersion": "1.0.0", "cniDir": str(tmp_path), "logFile": f"{tmp_path}/file/log"}
    (tmp_path / "file").touch()
    done = call(json.dumps(conf).encode(), CNI_COMMAND="DEL", CNI_CONTAINERID="c1", CNI_IFNAME="eth0", CNI_PATH="/bin")
    assert (done.returncode, done.stdout) == (0, b"")
    assert "cannot be opened" in json.loads(done.stderr.splitlines()[0])["error"]


def test_what_fails_behind_the_answer_changes_nothing_of_it(tmp_path: Path) -> None:
    """S5: as debts that cannot be paid, with a folder where a file should be; the runtime reads one answer."""
    spool = tmp_path / ".spool"
    (spool / ".tried").mkdir(parents=True)
    (spool / "c2-eth0.json").write_text("{}")
    conf = {"name": "a", "cniVersion": "1.0.0", "cniDir": str(tmp_path)}
    done = call(json.dumps(conf).encode(), CNI_COMMAND="DEL", CNI_CONTAINERID="c1", CNI_IFNAME="eth0", CNI_PATH="/bin")
    assert (done.returncode, done.stdout) == (0, b"")
    assert json.loads(done.stderr.splitlines()[-1])["event"] == "the spool cannot be used"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_that_is_told_to_end_does_not_wait_for_a_silent_server(tmp_path: Path, scheme: str) -> None:
    """S13: that takes connections, and neither shakes hands nor answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60.0)
        (tmp_path / "kubeconfig").write_text(json.dumps({
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "a"}}],
            "clusters": [{"name": "a", "cluster": {
                "server": f"{scheme}://127.0.0.1:{server.getsockname()[1]}", "insecure-skip-tls-verify": True,
            }}],
        }))  # fmt: skip
        conf = {"name": "a", "cniVersion": "1.0.0", "cniDir": str(tmp_path), "apiTimeout": 300,
                "kubeconfig": str(tmp_path / "kubeconfig"), "delegates": [{"name": "b", "type": "b"}]}  # fmt: skip
        env = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_IFNAME": "eth0", "CNI_PATH": "/bin",
               "CNI_NETNS": "/run/nowhere", "CNI_ARGS": "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b"}  # fmt: skip
        command = [sys.executable, "-I", "-m", "plurimus.cli.cni"]
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as call:
            try:
                assert call.stdin is not None
                call.stdin.write(json.dumps(conf).encode())
                call.stdin.close()
                call.stdin = None
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(60.0)
                    assert connection.recv(1) != b""
                    call.send_signal(signal.SIGTERM)
                    stdout, _ = call.communicate(timeout=60.0)
            finally:
                call.kill()
    assert call.returncode == 1
    assert "ended by SIGTERM" in json.loads(stdout)["msg"]
