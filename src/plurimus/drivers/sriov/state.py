"""What is on disk about the VFs of this node's pods, in the files of the plugin.

For each attachment what its VF was before; for each VF in use, in a file named by its PCI address, the namespace it
was given to.

RDMA spec sections 1.5, 1.7 and 1.8.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from plurimus.adapters import files, rooted
from plurimus.cni.errors import AttachmentError, Code, PlurimusError
from plurimus.drivers.sriov.conf import Settings
from plurimus.drivers.sriov.saved import Saved, decode, encode

FOLDER = "var/lib/cni/sriov"
LOCK_TIMEOUT = 60.0
_PAUSE = 0.02
_log = structlog.get_logger(__name__)


class StateFiles:
    """The files below `root`; a lock is waited for `timeout` seconds."""

    def __init__(self, root: Path, *, timeout: float = LOCK_TIMEOUT) -> None:
        self._root = str(root)
        self._timeout = timeout

    @property
    def _folder(self) -> Path:
        return Path(rooted.below(self._root, f"/{FOLDER}"))

    @property
    def _devices(self) -> Path:
        return self._folder / "pci"

    def load(self, container_id: str, ifname: str) -> Saved | None:
        """What was saved of an attachment; None where there is nothing.

        Raises:
            AttachmentError: code 6; there is something, and it cannot be understood.
        """
        path = self._path(container_id, ifname)
        try:
            found = _read(path)
        except ValueError as error:
            raise AttachmentError(
                f"{path} cannot be understood ({error}), which says what a VF was{self._unexplained()}: see that its "
                "interface is on the host with its own name, MAC and MTU, and that its PF has set for it what it had "
                "('ip link set PF vf NUMBER ...'), then remove the file",
                code=Code.DECODING_FAILURE,
            ) from error
        return None if found is None else replace(found, container_id=container_id, ifname=ifname)

    def all(self, odd: list[PlurimusError] | None = None) -> list[Saved]:
        """Everything that was saved and can be understood.

        `odd` gets what cannot be read, for who wants the others all the same; without it that is raised, for it may be
        about any VF.

        Raises:
            AttachmentError: code 5, with the path of the first.
        """
        return self._all(odd)[0]

    def age(self, owner: tuple[str, str]) -> float | None:
        """Seconds since what was saved of an attachment was written; None where it is gone."""
        try:
            return time.time() - self._path(*owner).stat().st_mtime
        except OSError:
            return None

    def unreadable(self) -> list[Path]:
        """The files that cannot be understood: nobody knows which VFs they are about."""
        return self._all()[1]

    def save(self, saved: Saved, settings: Settings, conf: dict[str, Any]) -> None:
        """Write durably what the VF was, and that it is taken."""
        files.replace(self._path(*saved.owner), encode(saved, settings, conf), durable=True)
        files.replace(self._devices / saved.device, saved.netns.encode(), durable=True)

    def forget(self, owner: tuple[str, str]) -> None:
        files.remove(self._path(*owner), durable=True)

    def allocated(self, device: str) -> str:
        """The path of the namespace a VF was given to; empty where it is free."""
        path = self._devices / device
        try:
            return path.read_bytes().decode(errors="surrogateescape").strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise files.io_error(path, "read", error) from error

    def free(self, device: str) -> None:
        files.remove(self._devices / device, durable=True)

    @asynccontextmanager
    async def hold(self, device: str) -> AsyncIterator[None]:
        """Hold the lock of a VF, which the plugin takes, too.

        Raises:
            AttachmentError: code 11; others held it all the time.
        """
        locks = self._devices / "vf_lock"
        for folder in (locks.parent.parent, locks.parent, locks):
            files.make_folder(folder)
        path = locks / f"{device}.lock"
        handle = files.lock(path)
        try:
            async with asyncio.timeout(self._timeout):
                while handle is None:
                    await asyncio.sleep(_PAUSE)
                    handle = files.lock(path)
        except TimeoutError as error:
            raise AttachmentError(
                f"VF {device} is held by another request, which did not end within {self._timeout:g} s ({path})",
                code=Code.TRY_AGAIN_LATER,
            ) from error
        try:
            yield
        finally:
            os.close(handle)

    def _path(self, container_id: str, ifname: str) -> Path:
        return self._folder / f"{container_id}-{ifname}"

    def _all(self, odd: list[PlurimusError] | None = None) -> tuple[list[Saved], list[Path]]:
        found, unreadable = [], []
        for path in _files(self._folder):
            try:
                saved = _read(path)
            except ValueError as error:
                _log.warning("what is saved of a VF cannot be understood", path=str(path), reason=str(error))
                unreadable.append(path)
            except AttachmentError as error:
                if odd is None:
                    raise
                odd.append(error)
            else:
                found += [saved] if saved is not None else []
        return found, unreadable

    def _unexplained(self) -> str:
        """The VFs in use that no file explains, of which a file that cannot be understood may be."""
        explained = {saved.device for saved in self.all([])}
        left = [path.name for path in _files(self._devices) if path.name not in explained]
        return (
            f" (it may be {' or '.join(f'{device}, in {self.allocated(device)}' for device in left)})" if left else ""
        )


def _files(folder: Path) -> list[Path]:
    return [folder / name for name in files.names(folder)]


def _read(path: Path) -> Saved | None:
    """What a file says, None where there is none; ValueError where it cannot be understood."""
    try:
        return decode(path.read_bytes(), path.name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise files.io_error(path, "read", error) from error
