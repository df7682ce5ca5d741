"""Namespaces of our own: the host is not touched, and all that runs ends with this program."""

from __future__ import annotations

import os
import subprocess
import sys

_INSIDE = "PLURIMUS_BENCH_INSIDE"


def enter() -> None:
    """Run this program again in namespaces of its own, unless it is in them already."""
    if _INSIDE in os.environ:
        _own_run()
        return
    if os.geteuid() != 0:
        sys.exit("bench: needs root, to make network namespaces")
    os.environ[_INSIDE] = "1"
    apart = ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.execvp("unshare", ["unshare", *apart, *sys.orig_argv])


def _own_run() -> None:
    for argv in (
        ("mount", "-t", "tmpfs", "plurimus-bench", "/run"),
        ("mount", "--make-shared", "/run"),
        ("ip", "link", "set", "lo", "up"),
    ):
        subprocess.run(argv, check=True)
