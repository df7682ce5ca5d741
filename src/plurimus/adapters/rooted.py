"""Paths below another root, as a process sees them whose root that is, and the files there.

Not an adapter itself but what those have in common that look at a host's files from inside a container.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_MOST_LINKS = 40
"""As the kernel has it."""
_PARAMETERS = "/proc/sys"


class _Parameters:
    """Where this process has the kernel's parameters."""

    folder = _PARAMETERS


def find_parameters(root: str) -> None:
    """Have kernel parameters set below `root`, if they are there: in a container /proc/sys may be read-only.

    Wherever they are, those of the network are those of the thread's namespace.
    """
    folder = f"{root.rstrip('/')}{_PARAMETERS}"
    _Parameters.folder = folder if Path(folder, "net").is_dir() else _PARAMETERS


def parameter(path: str) -> str:
    """Where the kernel parameter is that has `path`, which begins with /proc/sys."""
    return _Parameters.folder + path.removeprefix(_PARAMETERS)


def roots(chroot_dir: str) -> list[Path]:
    """Below which folders sockets of the node may be seen: this process' own root, and that of the daemon's file."""
    return list(dict.fromkeys((Path("/"), Path(chroot_dir or "/"))))


def below(root: str, path: str) -> str:
    """Where `path` leads below `root` (empty: nowhere else): links, absolute ones too, start at that root."""
    if root in ("", "/"):
        return path
    here, left, links = "", path.split("/")[::-1], 0
    while left:
        part = left.pop()
        if part == "..":
            here = here.rpartition("/")[0]
        elif part not in ("", "."):
            here += f"/{part}"
            try:
                target = str(Path(root + here).readlink())
            except OSError:  # no link
                continue
            links += 1
            if links > _MOST_LINKS:
                break
            here = "" if target.startswith("/") else here.rpartition("/")[0]
            left += target.split("/")[::-1]
    return root + here


def read(root: str, path: str, most: int) -> bytes:
    """The content of the regular file to which `path` leads below `root`, of no more than `most` bytes.

    Anything else is not read: a FIFO would keep its reader waiting, and a device may have no end.

    Raises:
        OSError: there is none, or it cannot be read; `strerror` says why.
    """
    try:
        where = below(root, f"/{path.lstrip('/')}")
        _check_regular(Path(where).stat())  # opening a device may do something already
        with os.fdopen(os.open(where, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _check_regular(os.fstat(file.fileno()))
            content = file.read(most + 1)
    except ValueError as error:
        raise OSError(errno.EINVAL, "no path of a file") from error
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most} bytes")
    return content


def _check_regular(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
