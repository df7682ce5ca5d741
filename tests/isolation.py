"""Leave the machine's network and mount namespaces, so that nothing a test does reaches its interfaces."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

_NEW_NAMESPACES = 0x40000000 | 0x00020000  # CLONE_NEWNET | CLONE_NEWNS


def isolate() -> None:
    """Before any thread exists; loopback is up in the new namespace.  OSError where it is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NAMESPACES) != 0:
        raise OSError(ctypes.get_errno(), f"cannot unshare namespaces: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "plurimus-tests", "/run")
    _run("mount", "--make-shared", "/run")
    Path("/run/netns").mkdir()
    _run("ip", "link", "set", "lo", "up")


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
