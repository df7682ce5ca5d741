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
            if _read(path) != value:
                _write(path, value)
        except OSError as error:
            if not tolerant:
                raise files.io_error(Path(path), "write", error) from error


def has(namespace: str, key: str) -> bool:
    """Whether the kernel has this parameter in the namespace."""
    return netns.visit(namespace, (_FOLDER / key).exists)


def _read(path: str) -> str:
    """A parameter; opened without what text files need, since drivers do so many times."""
    handle = os.open(rooted.parameter(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, _MOST).decode(errors="replace").strip()
    finally:
        os.close(handle)


def _write(path: str, value: str) -> None:
    handle = os.open(rooted.parameter(path), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, value.encode())
    finally:
        os.close(handle)
