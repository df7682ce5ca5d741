"""The daemon's socket: its folder, its place, and who else may be using it.

Spec section 7.1, with S31 fixed: only the socket is replaced, never the folder.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import structlog

from plurimus.cni.errors import ConfigError

NAME = "multus.sock"
BACKLOG = 1024
_LONGEST = 107
_log = structlog.get_logger(__name__)


class Listener:
    """A unix socket that is listened on; `close` removes its file, unless another daemon has put its own there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        if len(os.fsencode(self.path)) > _LONGEST:
            raise ConfigError(f"socketDir: the path {self.path} is longer than {_LONGEST} bytes, a socket's limit")
        try:
            _prepare(folder)
            _remove_stale(self.path)
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            # nobody can connect before listen(), so the mode is in place in time; and as long as nobody can,
            # a second daemon takes the socket for a dead one's
            self.socket.bind(str(self.path))
            self.path.chmod(0o600)
            self.socket.listen(BACKLOG)
            self._inode = self.path.stat().st_ino
        except OSError as error:
            raise ConfigError(f"socketDir: cannot listen on {self.path}: {error.strerror}") from error

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        self.socket.close()


def _prepare(folder: Path) -> None:
    """The folder, for root only; one that holds other things keeps its mode, which is reported."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077 == 0:
        return
    if all(entry.name == NAME for entry in folder.iterdir()):
        folder.chmod(0o700)
    else:
        _log.warning("others may enter the socket's folder, which holds other files; only root may connect",
                     folder=str(folder))  # fmt: skip


def _remove_stale(path: Path) -> None:
    """Remove a socket nobody listens on.

    Raises:
        ConfigError: a daemon is listening there, or the file is no socket.
    """
    if not os.path.lexists(path):
        return
    if not path.is_socket():
        raise ConfigError(f"socketDir: {path} exists and is no socket; move it away")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigError(f"socketDir: another daemon is listening on {path}; stop it first")
