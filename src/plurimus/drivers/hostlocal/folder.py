"""The folder with the leases of one network, and its lock: the plugin's own, so that both can share a node.

Plugins spec section 14.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from pathlib import Path

from plurimus.adapters import files, rooted
from plurimus.cni.errors import AttachmentError, Code
from plurimus.core import hostlocal
from plurimus.drivers.hostlocal.known import Known

_FIRST_PAUSE, _MOST_PAUSE = 0.0005, 0.02
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class LeaseFolder:
    """The folder at `path` below `root`; the lock is waited for `timeout` seconds.

    `turn` is to be held by who opens it, so that no more than one thread of this process waits for the lock.
    """

    def __init__(self, root: str, path: str, timeout: float) -> None:
        self.turn = asyncio.Lock()
        self.known: Known | None = None
        self.stamp: tuple[int, ...] = ()
        self._root, self._path, self._timeout = root, path, timeout
        self._plain: tuple[int, ...] = ()

    def where(self) -> str:
        """The folder as this process sees it."""
        return rooted.below(self._root, self._path)

    def make(self) -> None:
        """Create it, and its parents."""
        _make(Path(self.where()))

    def told(self, error: OSError) -> AttachmentError:
        """What went wrong in the folder, in words."""
        return files.io_error(self.where(), "keep leases in", error)

    def open(self) -> int:
        """A descriptor of the folder; OSError as the system has it.

        Links on the way are followed one by one, which takes long, unless it is the folder that was found last time
        without any.
        """
        plain = self._root + self._path
        if self._plain:
            with contextlib.suppress(OSError):
                handle = os.open(plain, _FOLDER)
                if _identity(handle) == self._plain:
                    return handle
                os.close(handle)
        where = self.where()
        handle = os.open(where, _FOLDER)
        self._plain = _identity(handle) if where == plain else ()
        return handle

    def lock(self, folder: int) -> int:
        """The lock of the folder that is open as `folder`, which is held until it is closed.

        Raises:
            AttachmentError: code 11; others had it all the time.
        """
        flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(hostlocal.LOCK, flags, 0o750, dir_fd=folder)
        try:
            self._wait_for(handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _wait_for(self, lock: int) -> None:
        deadline, pause = time.monotonic() + self._timeout, _FIRST_PAUSE
        while not _is_locked(lock):
            if time.monotonic() > deadline:
                raise AttachmentError(
                    f"{self.where()}/{hostlocal.LOCK} is held by another process for more than "
                    f"{self._timeout:g} s; 'fuser -v' tells which",
                    code=Code.TRY_AGAIN_LATER,
                )
            time.sleep(pause)
            pause = min(2 * pause, _MOST_PAUSE)


def _make(folder: Path) -> None:
    """Make a folder and its parents in the plugin's mode."""
    for each in (*reversed(folder.parents), folder):
        with contextlib.suppress(FileExistsError):
            each.mkdir(0o755)


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(handle: int) -> tuple[int, ...]:
    found = os.fstat(handle)
    return found.st_dev, found.st_ino
