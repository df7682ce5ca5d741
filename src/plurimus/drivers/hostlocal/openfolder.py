"""The leases of one network: a folder with a file for each address, in the form of the plugin and under its lock.

The executable and other processes of ours work on the same folder.  What was read of it is good as long as its
modification time is the one it was given here at the end of the last look: whatever is made or removed there since
gives it another.

Plugins spec section 14.2.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from plurimus.core import hostlocal
from plurimus.core.rangesets import Range
from plurimus.drivers.hostlocal import known
from plurimus.drivers.hostlocal.folder import LeaseFolder
from plurimus.drivers.hostlocal.known import UNNAMED, Known

_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def made(folder: LeaseFolder) -> OpenFolder:
    """The folder, locked in a `with` block; created if need be.

    Raises:
        AttachmentError: code 5, with the path; or 11, others had the lock all the time.
    """
    try:
        try:
            return OpenFolder(folder, folder.open())
        except FileNotFoundError:
            folder.make()
            return OpenFolder(folder, folder.open())
    except OSError as error:
        raise folder.told(error) from error


def existing(folder: LeaseFolder) -> AbstractContextManager[OpenFolder | None]:
    """The same; None where there is no such folder."""
    try:
        return OpenFolder(folder, folder.open())
    except FileNotFoundError:
        return contextlib.nullcontext()
    except OSError as error:
        raise folder.told(error) from error


class OpenFolder:
    """A folder whose lock is held in a `with` block, at whose end an OSError of a method becomes AttachmentError."""

    def __init__(self, of: LeaseFolder, handle: int) -> None:
        """`handle` is the folder's, and closed at the end of the block."""
        self._of, self._handle = of, handle
        self._lock: int | None = None
        self._known: Known | None = None
        self._changed = False

    def __enter__(self) -> Self:
        try:
            self._lock = self._of.lock(self._handle)
            self._known = self._of.known if self._of.stamp == _stamp(self._handle) else None
        except BaseException as error:
            self._close()
            if isinstance(error, OSError):
                raise self._of.told(error) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._remember()
        finally:
            self._close()
        if isinstance(error, OSError):
            raise self._of.told(error) from error

    def owned(self, content: bytes) -> list[str]:
        """The files that are leases with that content, now."""
        found = self._read().of(content)
        if not all(self._has(name, content) for name in found):  # somebody wrote to one
            found = self._read(anew=True).of(content)
        return sorted(found)

    def _has(self, name: str, content: bytes) -> bool:
        try:
            return known.lease(self._handle, name) == content
        except OSError:  # reading all anew will tell
            return False

    @property
    def has_unread(self) -> bool:
        """Whether there are leases that cannot be read."""
        return bool(self._read().unread)

    def refuse_unread(self) -> None:
        """For who needs all leases.

        Raises:
            AttachmentError: code 5, with the path of the first file that cannot be read.
        """
        if self.has_unread:
            raise self._read().unread_error(self._of.where())

    def leases(self) -> dict[str, bytes]:
        """All leases, read anew, by the names of their files."""
        return dict(self._read(anew=True).leases)

    def take(self, candidates: Iterable[tuple[str, Range]], content: bytes) -> tuple[str, Range] | None:
        """The first of the addresses that nobody has, which from now on has a lease with `content`; None for none.

        A lease is written before it gets the name of its address: whoever is killed, none is without its owner.
        """
        there = self._read()
        free = (each for each in candidates if each[0] not in there.names)
        taken = next(free, None)
        if taken is None:
            return None
        self._write(content)
        self._changed = True
        try:
            while taken is not None:
                with contextlib.suppress(FileExistsError):
                    os.link(UNNAMED, taken[0], src_dir_fd=self._handle, dst_dir_fd=self._handle)
                    there.add(taken[0], content)
                    break
                taken = next(free, None)
        finally:
            os.unlink(UNNAMED, dir_fd=self._handle)
        return taken

    def remove(self, names: Iterable[str]) -> None:
        """Give addresses back; what is not there any more is fine.  What one that was killed had begun goes, too."""
        for name in names:
            self._changed = True
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._handle)
            self._read().remove(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(UNNAMED, dir_fd=self._handle)
            self._changed = True

    def last(self, number: int) -> str:
        """The address given last of a set; empty where that is unknown."""
        content = None
        with contextlib.suppress(OSError):
            content = known.read(self._handle, f"{hostlocal.LAST}{number}")
        return content.decode(errors="replace") if content else ""

    def note_last(self, number: int, address: str) -> None:
        """Write which address was given last of a set."""
        self._changed = True  # it may not have been there
        _write(os.open(f"{hostlocal.LAST}{number}", _NEW, 0o600, dir_fd=self._handle), address.encode())

    def _remember(self) -> None:
        """Have the next one know what this one knows."""
        if self._known is None:
            return  # nothing was looked at
        if self._known.unread:  # they may be readable for the next one
            self._of.known = None
        elif self._changed or self._known is not self._of.known:
            self._of.known = self._known
            self._of.stamp = _put_stamp(self._handle)

    def _close(self) -> None:
        if self._lock is not None:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # a process that is about to be started may have the handle, too
            os.close(self._lock)
        os.close(self._handle)

    def _read(self, *, anew: bool = False) -> Known:
        if self._known is None or anew:
            self._known = Known(self._handle)
        return self._known

    def _write(self, content: bytes) -> None:
        try:
            handle = os.open(UNNAMED, _NEW | os.O_EXCL, 0o600, dir_fd=self._handle)
        except FileExistsError:  # left by one that was killed; it may be another name of an address' lease
            os.unlink(UNNAMED, dir_fd=self._handle)
            handle = os.open(UNNAMED, _NEW | os.O_EXCL, 0o600, dir_fd=self._handle)
        try:
            _write(handle, content, cut=False)
        except OSError:
            os.unlink(UNNAMED, dir_fd=self._handle)
            raise


def _write(handle: int, content: bytes, *, cut: bool = True) -> None:
    """Write and close a file; where it was longer it is cut behind, since ext4 waits for the disk when it is before."""
    try:
        if os.write(handle, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if cut:
            os.ftruncate(handle, len(content))
    finally:
        os.close(handle)


def _stamp(folder: int) -> tuple[int, ...]:
    found = os.fstat(folder)
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _put_stamp(folder: int) -> tuple[int, ...]:
    """Give the folder a modification time that it has never had and will not get again; empty where that cannot be.

    The kernel's own come from a clock that stands still for milliseconds, so two changes may have the same; this one
    is the nanosecond it is now.
    """
    now = time.time_ns()
    try:
        os.utime(folder, ns=(now, now))
    except OSError:  # it is another user's, or the file system cannot be written to
        return ()
    found = _stamp(folder)
    return found if found[-1] == now else ()  # the file system may be coarser
