"""The leases of a folder for who only looks: without its lock, since a lease that is there has its owner.

The plugin makes the file first and writes then; one that is empty, or does not read as a lease, is nobody's to take.
"""

from __future__ import annotations

import os
import time

from plurimus.adapters import files
from plurimus.cni.errors import PlurimusError
from plurimus.core import hostlocal
from plurimus.core.leaks import Held
from plurimus.drivers.hostlocal.known import Known


def leases(folder: str, odd: list[PlurimusError]) -> list[Held]:
    """All that are in `folder`; none where there is no such folder.  `odd` gets the first that cannot be read.

    Raises:
        AttachmentError: code 5, with the path.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.io_error(folder, "look at leases in", error) from error
    try:
        known = Known(handle)
        if known.unread:
            odd.append(known.unread_error(folder))
        return [_held(handle, folder, *each) for each in known.leases.items() if hostlocal.is_stale(each[1], ())]
    except OSError as error:
        raise files.io_error(folder, "look at leases in", error) from error
    finally:
        os.close(handle)


def _held(handle: int, folder: str, address: str, content: bytes) -> Held:
    container_id, _, ifname = content.decode(errors="replace").partition(hostlocal.BREAK.decode())
    try:
        age: float | None = time.time() - os.stat(address, dir_fd=handle, follow_symlinks=False).st_mtime
    except FileNotFoundError:  # given back meanwhile
        age = None
    return Held("lease", address, folder, container_id, ifname, age=age)
