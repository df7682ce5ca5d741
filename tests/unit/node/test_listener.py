"""The daemon's socket: its folder, its mode, and who else may be using its place (S31).  Spec section 7.1."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from plurimus.cni.errors import ConfigError
from plurimus.node.listener import NAME, Listener


def test_folder_and_socket_are_for_root_alone(tmp_path: Path) -> None:
    """F60."""
    listener = Listener(tmp_path / "a/b")
    assert listener.path == tmp_path / "a/b/multus.sock"
    assert (listener.path.stat().st_mode & 0o777, (tmp_path / "a/b").stat().st_mode & 0o777) == (0o600, 0o700)
    listener.close()
    assert not listener.path.exists()


def test_a_folder_of_its_own_is_closed_to_others(tmp_path: Path) -> None:
    """As an earlier daemon may have left it."""
    tmp_path.chmod(0o755)
    Listener(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_what_else_lies_in_the_folder_stays(tmp_path: Path) -> None:
    """S31: and so does the folder's mode, since others may need it."""
    (tmp_path / "kubeconfig").write_text("theirs")
    tmp_path.chmod(0o755)
    Listener(tmp_path).close()
    assert (tmp_path / "kubeconfig").read_text() == "theirs"
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_socket_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    """As a daemon that was killed leaves it."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / NAME))
    listener = Listener(tmp_path)
    listener.socket.listen()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(listener.path))
    listener.close()


def test_a_daemon_that_is_listening_keeps_its_socket(tmp_path: Path) -> None:
    first = Listener(tmp_path)
    first.socket.listen()
    with pytest.raises(ConfigError, match="another daemon is listening on"):
        Listener(tmp_path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(first.path))
    first.close()


def test_a_daemon_that_is_starting_keeps_its_socket(tmp_path: Path) -> None:
    """It listens from the moment it has its place, or another one started at once would take that for a dead one's."""
    first = Listener(tmp_path)
    with pytest.raises(ConfigError, match="another daemon is listening on"):
        Listener(tmp_path)
    assert first.path.exists()
    first.close()


def test_an_ordinary_file_is_not_removed(tmp_path: Path) -> None:
    """S31."""
    (tmp_path / NAME).write_text("theirs")
    with pytest.raises(ConfigError, match="exists and is no socket; move it away"):
        Listener(tmp_path)
    assert (tmp_path / NAME).read_text() == "theirs"


def test_the_socket_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    """A daemon that ends late takes only its own away."""
    first = Listener(tmp_path)
    first.path.unlink()
    second = Listener(tmp_path)
    first.close()
    assert second.path.exists()
    second.close()


@pytest.mark.parametrize("folder", ["x" * 120, "file/below"])
def test_a_place_that_cannot_be_is_named(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="socketDir: "):
        Listener(tmp_path / folder)
