"""What to do about errors of the system that are not about a file, but about the machine."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "free space or inodes on that disk",
    errno.EDQUOT: "raise root's quota on that disk, or free space",
    errno.EROFS: "that disk is mounted read-only: see the kernel's log, and mount it for writing",
    errno.EIO: "the disk fails: see the kernel's log",
    errno.EMFILE: "raise the daemon's limit of open files (LimitNOFILE, ulimit -n)",
    errno.ENFILE: "raise the node's limit of open files (sysctl fs.file-max)",
    errno.EAGAIN: "raise the limit of processes of the daemon's container or of the node (pids.max, kernel.pid_max)",
    errno.ENOMEM: "give the daemon's container or the node more memory",
}


def remedy(error: OSError) -> str:
    """What an administrator can do about it; empty where that is about what was asked for."""
    return _REMEDIES.get(error.errno or 0, "")
