"""A node of its own for one script: network, mounts, and the folders of plugins, all empty; it ends with its process.

Paths are the same in every such node, so that what two of them hold can be compared byte for byte.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

_NEW_NETWORK, _NEW_MOUNTS = 0x40000000, 0x00020000
_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000
_REAL_ETC = Path("/run/etc-of-the-machine")
_libc = ctypes.CDLL(None, use_errno=True)

QUIET = {"accept_dad": "0", "addr_gen_mode": "1", "router_solicitations": "0"}
"""Of links to come: addresses count at once, and there are none of the kernel's own."""
NOISY = {"router_solicitation_delay": "0", "dad_transmits": "1"}
"""Duplicate address detection as ever, without its random delay."""


def enter(*, noisy: bool) -> None:
    """Make this process, which has one thread, the node's first program."""
    _call("unshare", _NEW_NETWORK | _NEW_MOUNTS)
    _mount("none", "/", "", _REC | _PRIVATE)
    for folder in ("/run", "/var/lib"):
        _mount("tests", folder, "tmpfs", 0)
    _mount("sysfs", "/sys", "sysfs", 0)
    _REAL_ETC.mkdir()
    _mount("/etc", str(_REAL_ETC), "", _BIND | _REC)
    _mount("tests", "/etc", "tmpfs", 0)
    for path in _REAL_ETC.iterdir():
        if path.name != "cni":
            Path("/etc", path.name).symlink_to(path)
    settle_ipv6(noisy=noisy)
    shell("ip link set lo up")


def settle_ipv6(*, noisy: bool) -> None:
    """Have links to come in this thread's namespace behave the same each time."""
    ipv6 = Path("/proc/sys/net/ipv6")
    for key, value in (NOISY if noisy else QUIET).items():
        (ipv6 / "conf/default" / key).write_text(value)
    waits = ipv6 / "neigh/default/retrans_time_ms"
    if noisy and waits.exists():
        waits.write_text("100")


def shell(script: str) -> None:
    """Run a script that must succeed."""
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the set-up {script!r} failed: {done.stdout}{done.stderr}")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}{arguments}: {os.strerror(number)}")
