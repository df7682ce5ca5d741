"""Sysfs as a network namespace sees it.

What /sys shows of interfaces, and in exclusive mode of RDMA devices, is that of the namespace whose process mounted
it.  Here it is mounted anew from inside a namespace, under no path: only the descriptor leads to it, nobody else sees
it, and it goes with this process, whatever ends it.

kernel: fsopen(2), fsmount(2), from 5.2 on; fs/sysfs/mount.c; RDMA spec section 8.1.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, Code

_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
"""Numbers of system calls, the same on all machines but alpha; the C library has them from 2.36 on."""
_FSOPEN_CLOEXEC, _FSMOUNT_CLOEXEC, _FSCONFIG_CMD_CREATE = 1, 1, 6
_READ_ONLY, _NOSUID, _NODEV, _NOEXEC = 0x1, 0x2, 0x4, 0x8
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def mounted(path: str) -> Iterator[Path]:
    """The folder /sys as it is in the network namespace at `path`, for reading, until the end of the block.

    Raises:
        NamespaceError: code 8.
        AttachmentError: code 5; the kernel refuses the mount.
    """
    try:
        handle = netns.visit(path, _mount)
    except OSError as error:
        raise AttachmentError(
            f"cannot mount sysfs in network namespace {path}: {error.strerror}; the daemon needs CAP_SYS_ADMIN and "
            "Linux 5.2 or later",
            code=Code.IO_FAILURE,
        ) from error
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def _mount() -> int:
    """A descriptor of the root of a new sysfs, that of the namespace this thread is in."""
    context = _call(_FSOPEN, b"sysfs", _FSOPEN_CLOEXEC)
    try:
        _call(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0)
        return _call(_FSMOUNT, context, _FSMOUNT_CLOEXEC, _READ_ONLY | _NOSUID | _NODEV | _NOEXEC)
    finally:
        os.close(context)


def _call(number: int, *arguments: object) -> int:
    made = int(_libc.syscall(number, *arguments))
    if made < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return made
