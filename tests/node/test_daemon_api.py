"""A daemon whose API server says nothing."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests import kubeconfigs

from .process import PATIENCE, Daemon, eventually

pytestmark = pytest.mark.usefixtures("root")


def test_a_daemon_that_still_waits_for_the_api_server_can_be_stopped(tmp_path: Path) -> None:
    """Spec section 7.5: at SIGTERM it ends as if it had served, and serves nobody any more."""
    with socket.create_server(("127.0.0.1", 0)) as silent, Daemon(tmp_path) as daemon:
        silent.settimeout(PATIENCE)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        daemon.config |= {"manifests": "", "kubeconfig": str(kubeconfigs.write(tmp_path / "kubeconfig", url))}
        daemon.spawn()
        asked, _ = silent.accept()
        with asked:
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(PATIENCE) == 0
        eventually(lambda: bool(daemon.lines()), daemon.log.read_text)
        said = [line["event"] for line in daemon.lines()]
        assert said[-1] == "stopped"
        assert "ready" not in said
        assert not any("serving all the same" in line for line in said)
