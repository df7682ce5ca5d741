"""Network namespaces: entering one for a moment, making one, removing one.

A namespace belongs to a thread, so each visit is made by a thread that ends with it: this process
itself never is in another namespace, whatever fails.

kernel: network_namespaces(7), setns(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from plurimus.cni.errors import AttachmentError, Code

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MNT_DETACH = 0x1000, 0x2
_libc = ctypes.CDLL(None, use_errno=True)  # os.setns and os.unshare exist from Python 3.12 on


class NamespaceError(AttachmentError):
    """A network namespace cannot be opened, made or removed."""

    default_code = Code.INVALID_NETNS


def visit(path: str | None, work: Callable[[], T]) -> T:
    """The value of `work()`, run in a thread inside the namespace at `path` (None: this one).

    Raises:
        NamespaceError: code 8; the namespace cannot be entered.
    """
    if path is None:
        return work()
    handle = open_namespace(path)
    try:
        return _in_thread(path, lambda: _call("setns", handle, _CLONE_NEWNET), work)
    finally:
        os.close(handle)


def open_namespace(path: str) -> int:
    """A descriptor of the namespace at `path`."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NamespaceError(f"network namespace {path} cannot be opened: {error.strerror}") from error


def identity(path: str) -> tuple[int, int] | None:
    """What two paths of one namespace have in common; None where there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def create(path: str) -> None:
    """Make a namespace that lives until `delete`, its loopback down, as `ip netns add` does.

    Raises:
        NamespaceError: `path` exists, or the kernel refuses; then nothing is left.
    """
    file = Path(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    except OSError as error:
        raise NamespaceError(f"network namespace {path} cannot be made: {error.strerror}") from error

    def bind() -> None:
        own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        _call("mount", own.encode(), path.encode(), b"none", _MS_BIND, None)

    try:
        _in_thread(path, lambda: _call("unshare", _CLONE_NEWNET), bind)
    except NamespaceError:
        file.unlink()
        raise


def delete(path: str) -> None:
    """Remove a namespace made by `create`; one that is gone already is fine."""
    _libc.umount2(path.encode(), _MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        try:
            Path(path).unlink()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                raise NamespaceError(f"network namespace {path} cannot be removed: {error.strerror}") from error


def _in_thread(path: str, enter: Callable[[], None], work: Callable[[], T]) -> T:
    """Run `enter` and `work` in a thread of its own; what either raises is raised here."""
    values: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            try:
                enter()
            except OSError as error:
                raise NamespaceError(f"network namespace {path} cannot be entered: {error.strerror}") from error
            values.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            raised.append(error)

    thread = threading.Thread(target=run, name="namespace")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return values[0]


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
