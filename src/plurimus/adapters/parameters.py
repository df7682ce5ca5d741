"""Kernel parameters by their paths, as the thread sees them that asks: those of its network namespace.

kernel: Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import files, rooted

_MOST = 1 << 16
"""Bytes of one parameter."""


def exchange(values: Mapping[str, str]) -> dict[str, str]:
    """Set parameters, in their order: all, or none.  What they were comes back, of those that can be read.

    Raises:
        AttachmentError: code 5, with the path.
    """
    before: dict[str, str] = {}
    for path, value in values.items():
        try:
            with contextlib.suppress(OSError):  # one that was never set may be an error to read
                before[path] = _read(path)
            _write(path, value)
        except OSError as error:
            restore(before)
            raise files.io_error(Path(path), "write", error) from error
    return before


def restore(values: dict[str, str]) -> None:
    """Set parameters to what they were, the last first, as far as they can be set."""
    for path in reversed(values):
        with contextlib.suppress(OSError):
            _write(path, values[path])


def read(path: str) -> str:
    """A parameter, without the end of its line.

    Raises:
        AttachmentError: code 5, with the path.
    """
    try:
        return _read(path)
    except OSError as error:
        raise files.io_error(Path(path), "read", error) from error


def _read(path: str) -> str:
    handle = os.open(rooted.parameter(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, _MOST).decode(errors="surrogateescape").removesuffix("\n")
    finally:
        os.close(handle)


def _write(path: str, value: str) -> None:
    handle = os.open(rooted.parameter(path), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, value.encode(errors="surrogateescape"))
    finally:
        os.close(handle)
