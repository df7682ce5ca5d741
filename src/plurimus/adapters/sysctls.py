"""Kernel parameters of a network namespace, in /proc/sys.

kernel: Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import files, netns, rooted

_FOLDER = Path("/proc/sys")
_MOST = 4096
"""Bytes the kernel gives of one parameter."""


def write(namespace: str, values: Mapping[str, str], *, tolerant: bool = False) -> None:
    """Set parameters (`net/ipv4/conf/net1/arp_notify`) in the namespace at a path; those that are so already are left.

    With `tolerant` a parameter this kernel does not have, or does not let be set, is passed over.

    Raises:
        AttachmentError: code 5, with the path.
        NamespaceError: code 8; the namespace cannot be entered.
    """
    netns.visit(namespace, lambda: write_here(values, tolerant=tolerant))


def write_here(values: Mapping[str, str], *, tolerant: bool = False) -> None:
    """The same, for a thread that is inside the namespace."""
    for key, value in values.items():
        path = f"{_FOLDER}/{key}"
        try:
            _set(path, value)
        except OSError as error:
            if not tolerant:
                raise files.io_error(Path(path), "write", error) from error


def has(namespace: str, key: str) -> bool:
    """Whether the kernel has this parameter in the namespace."""
    return netns.visit(namespace, (_FOLDER / key).exists)


def _set(path: str, value: str) -> None:
    """Set a parameter, unless it is so; opened once, and without what text files need, since drivers do so often."""
    where, wanted = rooted.parameter(path), value.encode()
    try:
        handle = os.open(where, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        if not _is_so(where, wanted):
            raise
        return
    try:
        if os.pread(handle, _MOST, 0).strip() != wanted:
            os.pwrite(handle, wanted, 0)
    finally:
        os.close(handle)


def _is_so(where: str, wanted: bytes) -> bool:
    """Whether a parameter that cannot be set need not be."""
    handle = os.open(where, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, _MOST).strip() == wanted
    finally:
        os.close(handle)
