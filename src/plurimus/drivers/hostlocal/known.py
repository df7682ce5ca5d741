"""What is in a folder of leases, read once: reading every file at each request is what takes the plugin long."""

from __future__ import annotations

import errno
import os
import stat

from plurimus.adapters import files
from plurimus.cni.errors import AttachmentError
from plurimus.core import hostlocal

UNNAMED = ".plurimus-lease"
"""A lease until it has its address for a name; what is killed meanwhile leaves one, which nobody takes for a lease."""
_MOST = 4096
"""Bytes; a lease is far shorter."""
_NO_FILE = (errno.ENOENT, errno.ELOOP, errno.ENXIO)
"""What opening says of what is gone, a link, or a socket."""


class Known:
    """The names in the folder that is open as `folder`, and whose leases they are.

    Any file may be a lease, as for the plugin, but for the files it keeps beside them.  Folders are other networks'.
    Those that cannot be read now are `unread`: nobody gets their addresses, and whose they are is not known.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(self, folder: int) -> None:
        self.names: set[str] = set()
        self.leases: dict[str, bytes] = {}
        self.unread: dict[str, OSError] = {}
        self._of: dict[bytes, tuple[str, ...]] = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                self.names.add(entry.name)
                if _may_be_lease(entry.name) and entry.is_file(follow_symlinks=False):
                    try:
                        content = lease(folder, entry.name)
                    except OSError as error:
                        self.unread[entry.name] = error
                        continue
                    if content is not None:
                        self.add(entry.name, content)

    def unread_error(self, where: str) -> AttachmentError:
        """What is said of the first file that cannot be read, in a folder that is `where`."""
        name = min(self.unread)
        return files.io_error(f"{where}/{name}", "read", self.unread[name])

    def of(self, content: bytes) -> tuple[str, ...]:
        """The files with that content."""
        return self._of.get(content, ())

    def add(self, name: str, content: bytes) -> None:
        self.names.add(name)
        self.leases[name] = content
        self._of[content] = (*self.of(content), name)

    def remove(self, name: str) -> None:
        self.names.discard(name)
        content = self.leases.pop(name, None)
        if content is not None:
            left = tuple(other for other in self.of(content) if other != name)
            if left:
                self._of[content] = left
            else:
                del self._of[content]


def lease(folder: int, name: str) -> bytes | None:
    """What a file in `folder` has between white space; None where there is no regular file of a lease's size.

    Raises:
        OSError: it cannot be read.
    """
    content = read(folder, name)
    return None if content is None else content.strip()


def read(folder: int, name: str) -> bytes | None:
    """What a file in `folder` has; None and errors are as those of `lease`."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        content = os.read(handle, _MOST + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    finally:
        os.close(handle)
    return None if content is None or len(content) > _MOST else content


def _may_be_lease(name: str) -> bool:
    return name not in (hostlocal.LOCK, UNNAMED) and not name.startswith(hostlocal.LAST)
