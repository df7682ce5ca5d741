"""Network namespaces: entering one for a moment, making one, removing one.

A namespace belongs to a thread, so each visit is made by a thread that ends with it, or by one that does nothing else
before it is back (`adapters.visitors`): this process itself never is in another namespace, whatever fails.

kernel: network_namespaces(7), setns(2), ioctl_ns(2).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from plurimus.adapters import visitors
from plurimus.cni.errors import AttachmentError, Code

T = TypeVar("T")

_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 0x100000
_NS_GET_NSTYPE = 0xB703
_MNT_DETACH, _UMOUNT_NOFOLLOW = 0x2, 0x8
_SHARED = (Path("/run/netns"), Path("/var/run/netns"))
"""Where `ip netns` keeps namespaces, too, and wants the mounts shared."""
_libc = ctypes.CDLL(None, use_errno=True)  # os.setns and os.unshare exist from Python 3.12 on


class NamespaceError(AttachmentError):
    """A network namespace cannot be opened, made or removed."""

    default_code = Code.INVALID_NETNS


def visit(path: str | None, work: Callable[[], T]) -> T:
    """The value of `work()`, run inside the namespace at `path` (None: where this thread is), by a thread that may.

    Raises:
        NamespaceError: code 8; the namespace cannot be entered, or not be left, in which case `work` has run.
    """
    if path is None:
        if visitors.is_lost():
            raise NamespaceError("this thread is in a network namespace it could not leave")
        return work()
    with opened(path) as handle:
        return visit_opened(handle, path, work)


def visit_opened(handle: int, path: str, work: Callable[[], T]) -> T:
    """`visit` for who has a descriptor of the namespace; `path` is what an error calls it."""
    try:
        if visitors.may_visit():
            return visitors.inside(handle, lambda: _enter(handle, path), work)
    except visitors.Lost as error:
        raise NamespaceError(f"network namespace {path} cannot be left: {error}") from error

    def alone() -> T:
        _enter(handle, path)
        return work()

    return _in_thread(alone)


def _enter(handle: int, path: str) -> None:
    try:
        visitors.enter(handle)
    except OSError as error:
        raise NamespaceError(f"network namespace {path} cannot be entered: {error.strerror}") from error


def open_namespace(path: str) -> int:
    """A descriptor of the namespace at `path`."""
    try:
        # a path that is a FIFO must not block
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise NamespaceError(f"network namespace {path} cannot be opened: {error.strerror}") from error
    except ValueError as error:
        raise NamespaceError(f"network namespace {path!r} cannot be opened: {error}") from error


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of the namespace at `path`, for a request that names it.

    Raises:
        NamespaceError: code 8.
    """
    handle = open_namespace(path)
    try:
        yield handle
    finally:
        os.close(handle)


def identity(path: str) -> tuple[int, int] | None:
    """What two paths of one namespace have in common; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - several times for each request
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def is_same_namespace(first: str, second: str) -> bool:
    """Whether both paths lead to one namespace; a path that leads nowhere is the same as none."""
    found = identity(first)
    return found is not None and found == identity(second)


def is_leftover(path: str) -> bool:
    """Whether `path` is what stays of a namespace that was unmounted: a file that leads to none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return False
    try:
        return fcntl.ioctl(handle, _NS_GET_NSTYPE) != visitors.CLONE_NEWNET
    except OSError:
        return True
    finally:
        os.close(handle)


def is_alive(path: str) -> bool:
    """Whether `path` leads to a namespace."""
    return identity(path) is not None and not is_leftover(path)


def is_gone(path: str) -> bool:
    """Whether there is no namespace at `path` any more; no, where its folder cannot be seen from here either.

    A path below /proc/<PID> is gone with that process; who asks must see the processes of whoever wrote it.
    """
    parts = Path(path).parts
    if parts[:2] == ("/", "proc") and len(parts) > 3 and parts[2].isdecimal():
        return Path("/proc/self").exists() and not Path(*parts[:3]).exists()
    return is_leftover(path) or (os.path.isdir(os.path.dirname(path)) and _is_missing(path))  # noqa: PTH112, PTH120


def _is_missing(path: str) -> bool:
    """Whether nothing can be at `path`; what cannot be looked at, for want of memory say, may be there."""
    try:
        os.stat(path)  # noqa: PTH116 - no path is too long for it
    except ValueError:
        return True
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
    return False


def create(path: str) -> None:
    """Make a namespace that lives until `delete`, its loopback down, as `ip netns add` does.

    Raises:
        NamespaceError: `path` exists, or the kernel refuses; then nothing is left.
    """
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.parent in _SHARED:
            _share(file.parent)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    except OSError as error:
        raise NamespaceError(f"network namespace {path} cannot be made: {error.strerror}") from error

    def bind() -> None:
        _call("unshare", visitors.CLONE_NEWNET)
        _mount(f"/proc/self/task/{threading.get_native_id()}/ns/net", path, _MS_BIND)

    try:
        _in_thread(bind)
    except OSError as error:
        file.unlink()
        raise NamespaceError(f"network namespace {path} cannot be made: {error.strerror}") from error


def delete(path: str) -> None:
    """Remove a namespace made by `create`; one that is gone already is fine.

    Raises:
        NamespaceError: it cannot be removed, or `path` is a folder or a link, where something else is mounted.
    """
    file = Path(path)
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            raise NamespaceError(f"network namespace {path} cannot be removed: it is none, expected a file")
        _libc.umount2(path.encode(), _MNT_DETACH | _UMOUNT_NOFOLLOW)
        file.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise NamespaceError(f"network namespace {path} cannot be removed: {error.strerror}") from error


def _share(folder: Path) -> None:
    """Let mounts in `folder` come and go in the copies of it other mount namespaces have.

    Without, a process that copied the mounts (a container, a unit with a private mount namespace) holds
    every namespace for as long as it lives.  The lock is the one iproute2 takes.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _mount("", str(folder), _MS_SHARED | _MS_REC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # only a mount can be shared, so the folder is mounted on itself
            _mount(str(folder), str(folder), _MS_BIND | _MS_REC)
            _mount("", str(folder), _MS_SHARED | _MS_REC)
    finally:
        os.close(lock)


def _in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own; what it raises is raised here, and OSError where no thread starts."""
    values: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            values.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            raised.append(error)

    thread = threading.Thread(target=run, name="namespace")
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
    thread.join()
    if raised:
        raise raised[0]
    return values[0]


def _mount(source: str, target: str, flags: int) -> None:
    _call("mount", source.encode(), target.encode(), b"none", ctypes.c_ulong(flags), None)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
