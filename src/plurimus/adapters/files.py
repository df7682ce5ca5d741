"""Files that must survive a crash: written whole or not at all.

Not an adapter itself but what the ones that keep state have in common.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from plurimus.adapters.remedies import remedy
from plurimus.cni.errors import AttachmentError, Code

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_UNFINISHED = 60.0
"""Seconds after which who writes a file has long been killed."""
_LONG = 200
"""Bytes of a name, from which on its temporary one is made otherwise."""
_ASIDE = ".unreadable"
"""What the name of a file ends in that was set aside."""


def make_folder(folder: Path) -> None:
    """The folder and its parents, for root only.

    Raises:
        AttachmentError: code 5, with the path.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise io_error(folder, "create", error) from error


def temporary_name(name: str) -> str:
    """What a file is called until it has all its content and gets its name.

    Long names, of up to 255 bytes, may differ at their ends only, and there is no room for all of one.
    """
    whole = os.fsencode(name)
    if len(whole) <= _LONG:
        return f".{name}.tmp"
    return f".{hashlib.sha256(whole).hexdigest()}.tmp"


def read(path: Path | str) -> bytes:
    """The content of a file, by as few calls as can be; OSError as the system has it."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def replace(path: Path | str, content: bytes, *, durable: bool, mode: int = 0o600) -> None:
    """Write a new file in place of `path`, in a new folder if need be; `durable` waits until the disk has it.

    Raises:
        AttachmentError: code 5, with the path; the old file is as it was.
    """
    # system calls and texts: an ADD writes a file for each of its networks
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, temporary_name(name))  # noqa: PTH118
    try:
        handle = _create(temporary)
        try:
            _write(handle, content)
            if mode != 0o600:
                os.fchmod(handle, mode)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)  # noqa: PTH105
        if durable:
            sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise io_error(path, "write", error) from error


def remove(path: Path | str, *, durable: bool = False) -> None:
    """Remove a file, which may be gone, and what a process that was killed left of writing it.

    `durable` waits until the disk knows.  No file has a name that is too long.

    Raises:
        AttachmentError: code 5, with the path; the file is there.
    """
    folder, name = os.path.split(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
        with contextlib.suppress(OSError):  # whatever it is, the file itself is gone
            os.unlink(os.path.join(folder, temporary_name(name)))  # noqa: PTH108, PTH118
        if durable:
            with contextlib.suppress(FileNotFoundError):
                sync_folder(folder)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise io_error(path, "remove", error) from error


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files in a folder that nobody writes any more; a missing folder has none.

    The shim's end in the number of its process.

    Raises:
        AttachmentError: code 5, with the path.
    """
    now = time.time()
    try:
        for path in folder.glob(".*"):
            if path.suffix != ".tmp" and not path.suffix[1:].isdecimal():
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and abs(now - path.stat().st_mtime) > _UNFINISHED:
                    path.unlink()
    except OSError as error:
        raise io_error(folder, "tidy", error) from error


def set_aside(path: Path) -> str:
    """Keep a file that nobody understands beside itself, under a name that is returned.

    Raises:
        AttachmentError: the path and the reason.
    """
    aside = path.with_name(f".{path.name}{_ASIDE}")
    try:
        path.replace(aside)
    except OSError as error:
        raise io_error(path, "rename", error) from error
    return str(aside)


def aside(folder: Path) -> list[str]:
    """The paths of what was set aside in `folder`."""
    try:
        return sorted(str(path) for path in folder.glob(f".*{_ASIDE}"))
    except OSError as error:
        raise io_error(folder, "list", error) from error


def names(folder: Path, part: str = "") -> list[str]:
    """The names, in order, of the files in a folder that are whole, and have `part` in their names.

    Those that begin with a dot are being written, or kept aside.  A missing folder has none; others have thousands, so
    no more is done with each.

    Raises:
        AttachmentError: code 5, with the path.
    """
    try:
        with os.scandir(folder) as there:
            return sorted(each.name for each in there if part in each.name and each.name[0] != "." and each.is_file())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise io_error(folder, "list", error) from error


def install(source: Path, target: Path) -> bool:
    """Put a copy of the program `source` at `target`, with its mode; whether there was anything to do.

    What runs the old one goes on with it, and whoever starts it gets the old one or the new one, whole.

    Raises:
        AttachmentError: code 5, with the path; the old file is as it was.
    """
    temporary = target.parent / temporary_name(target.name)
    try:
        mode, content = source.stat().st_mode & 0o7777, source.read_bytes()
        if target.is_file() and target.stat().st_mode & 0o7777 == mode and target.read_bytes() == content:
            return False
    except OSError as error:
        raise io_error(source, "read", error) from error
    try:
        with open(temporary, "wb", opener=_private) as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise io_error(target, "write", error) from error
    return True


def sync_folder(folder: Path | str) -> None:
    """Wait until the disk has the names in `folder`, empty for this one."""
    handle = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(path: Path, *, create: bool = True) -> int | None:
    """The file at `path`, open, and locked until it is closed; None where another process has it.

    Who removes a locked file gives it back, too: what others have opened meanwhile is no lock any more.

    Raises:
        FileNotFoundError: there is none, and it is not to be created.
        AttachmentError: code 5, with the path.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    try:
        taken = os.open(path, flags, 0o600)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not create:
            raise
        raise io_error(path, "lock", error) from error
    try:
        fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(taken).st_ino:
            return taken
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        os.close(taken)
        raise io_error(path, "lock", error) from error
    os.close(taken)
    return None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have the lock at `path`, in a new folder if need be, for which this thread waits; the file stays.

    Raises:
        AttachmentError: code 5, with the path.
    """
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        taken = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise io_error(path, "lock", error) from error
    try:
        fcntl.flock(taken, fcntl.LOCK_EX)
        yield
    finally:
        os.close(taken)


def io_error(path: Path | str, verb: str, error: OSError) -> AttachmentError:
    return AttachmentError(f"cannot {verb} {path}: {error.strerror}", details=remedy(error), code=Code.IO_FAILURE)


def _create(path: str) -> int:
    try:
        return _private(path, _NEW)
    except FileNotFoundError:
        make_folder(Path(path).parent)
        return _private(path, _NEW)


def _write(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
