"""A folder with CNI configurations that others write to as well: listing it, and keeping one file in it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni.errors import ConfigError

MARK = ".kept"
"""The file by which a process that keeps a folder is known."""


class CniFolder:
    """All methods raise ConfigError or AttachmentError, with the path, when the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark: int | None = None

    def names(self) -> list[str]:
        """The names of the files, in order; a missing folder has none."""
        try:
            return sorted(entry.name for entry in self.path.iterdir() if not entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _error(self.path, error) from error

    def read(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        path = self.path / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _error(path, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Replace a file at once (0600), and make the folder where it is missing."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _error(self.path, error) from error
        files.replace(self.path / name, content, durable=True)

    def rename(self, name: str, to: str) -> None:
        path = self.path / name
        try:
            path.replace(self.path / to)
        except OSError as error:
            raise _error(path, error) from error

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is fine."""
        files.remove(self.path / name)

    def hold(self) -> None:
        """Mark the folder as one that this process keeps, for as long as it lives."""
        if self._mark is None:
            self._mark = self._marked(fcntl.LOCK_SH, os.O_CREAT)

    def is_held(self) -> bool:
        """Whether a process keeps it."""
        if not (self.path / MARK).exists():
            return False
        mark = self._marked(fcntl.LOCK_EX, 0)
        if mark is not None:
            os.close(mark)
        return mark is None

    def _marked(self, how: int, flags: int) -> int | None:
        """The open mark, locked; None where others have it in a way that forbids that."""
        path = self.path / MARK
        try:
            mark = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
            try:
                fcntl.flock(mark, how | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(mark)
                return None
        except OSError as error:
            raise _error(path, error) from error
        return mark


def _error(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: {error.strerror}")
