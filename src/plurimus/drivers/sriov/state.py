"""What is on disk about the VFs of this node's pods, in the files of the plugin.

For each attachment what its VF was before; for each VF in use, in a file named by its PCI address, the namespace it
was given to.

RDMA spec sections 1.5, 1.7 and 1.8.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from plurimus.adapters import files, rooted
from plurimus.cni.errors import AttachmentError, Code
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
        """What was saved of an attachment; None where there is nothing, or what there is cannot be read."""
        found = self._read(self._path(container_id, ifname))
        return None if found is None else replace(found, container_id=container_id, ifname=ifname)

    def all(self) -> list[Saved]:
        """Everything that was saved and can be read."""
        folder = self._folder
        try:
            paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise files.io_error(folder, "read", error) from error
        return [found for path in paths if (found := self._read(path)) is not None]

    def save(self, saved: Saved, settings: Settings, conf: dict[str, Any]) -> None:
        """Write durably what the VF was, and that it is taken."""
        files.replace(self._path(*saved.owner), encode(saved, settings, conf), durable=True)
        files.replace(self._devices / saved.device, saved.netns.encode(), durable=True)

    def forget(self, owner: tuple[str, str]) -> None:
        self._unlink(self._path(*owner))

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
        self._unlink(self._devices / device)

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

    def _read(self, path: Path) -> Saved | None:
        try:
            return decode(path.read_bytes(), path.name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(path, "read", error) from error
        except ValueError as error:
            _log.warning("the saved state of a VF cannot be read", path=str(path), reason=str(error))
            return None

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                files.sync_folder(path.parent)
        except OSError as error:
            raise files.io_error(path, "remove", error) from error
