"""Every test runs in a network and mount namespace made for this run: the machine's own stay untouched."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_NEW_NAMESPACES = 0x40000000 | 0x00020000  # CLONE_NEWNET | CLONE_NEWNS


# an example may take as long as it takes: machines are shared, and a slow one shows nothing about the code
settings.register_profile("plurimus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("plurimus")


def pytest_configure(config: pytest.Config) -> None:
    if os.geteuid() == 0:
        _isolate()


def _isolate() -> None:
    """Leave the machine's namespaces before any thread exists; loopback is up in the new one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NAMESPACES) != 0:
        raise pytest.UsageError(f"cannot unshare namespaces: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "plurimus-tests", "/run")
    _run("mount", "--make-shared", "/run")
    Path("/run/netns").mkdir()
    _run("ip", "link", "set", "lo", "up")


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


@pytest.fixture
def root() -> None:
    """Node tests change links and namespaces, so they say at once what they lack."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root: it makes network namespaces; run `make test` as root")
