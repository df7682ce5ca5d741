"""The records of sandboxes, `<cniDir>/<container ID>`; implements `ports.Records`.

A record is on the disk, not only in its cache, before `store` returns: it is what undoes a
sandbox after a crash.  Spec section 6.4.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni import args
from plurimus.cni.errors import PlurimusError

_NOT_RECORDS = ("results",)


class RecordFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def store(self, container_id: str, content: bytes) -> None:
        await asyncio.to_thread(files.replace, self._path(container_id), content, durable=True)

    async def load(self, container_id: str) -> bytes | None:
        path = self._path(container_id)
        try:
            return files.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(path, "read", error) from error

    async def remove(self, container_id: str) -> None:
        files.remove(self._path(container_id))

    async def set_aside(self, container_id: str) -> str:
        return files.set_aside(Path(self._path(container_id)))

    async def tidy(self) -> None:
        for folder in (self._folder, self._folder / "results", self._folder / ".spool"):
            files.remove_unfinished(folder)

    async def aside_paths(self) -> list[str]:
        return files.aside(self._folder)

    async def container_ids(self) -> list[str]:
        return list(filter(_is_container_id, files.names(self._folder)))

    def _path(self, container_id: str) -> str:
        args.check_container_id(container_id)
        if container_id in _NOT_RECORDS:
            raise PlurimusError(f"container ID {container_id!r} is the name of a folder of Plurimus")
        return f"{self._folder}/{container_id}"


def _is_container_id(name: str) -> bool:
    """Whether a file can be a record: others may keep theirs in the folder."""
    try:
        args.check_container_id(name)
    except PlurimusError:
        return False
    return True
