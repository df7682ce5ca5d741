"""libcni's result cache, `<cniDir>/results/`; implements `ports.Results`.  Spec section 1.5."""

from __future__ import annotations

import os
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni import cache
from plurimus.cni.cache import CachedAttachment


class ResultFiles:
    """The files are written whole but not waited for: losing one costs a `prevResult`, no address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def store(self, entry: CachedAttachment) -> None:
        files.replace(self._folder / entry.file_name, entry.encode(), durable=False)

    async def load(self, network: str, container_id: str, ifname: str) -> CachedAttachment | None:
        path = self._folder / cache.file_name(network, container_id, ifname)
        try:
            return cache.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(path, "read", error) from error
        except ValueError:
            path.unlink(missing_ok=True)
            return None

    async def remove(self, network: str, container_id: str, ifname: str) -> None:
        path = self._folder / cache.file_name(network, container_id, ifname)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise files.io_error(path, "remove", error) from error

    async def entries(self, container_id: str = "") -> list[CachedAttachment]:
        found = []
        for name in self._names(f"-{container_id}-" if container_id else ""):
            try:
                entry = cache.decode((self._folder / name).read_bytes())
            except (OSError, ValueError):
                continue
            owner = entry.container_id
            if owner and container_id in ("", owner) and entry.file_name == name:
                found.append(entry)
        return found

    def _names(self, part: str) -> list[str]:
        """The names of files with `part` in it, in order; a node may have thousands, so no more is done with each."""
        try:
            with os.scandir(self._folder) as there:
                return sorted(entry.name for entry in there if part in entry.name and entry.name[0] != ".")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise files.io_error(self._folder, "list", error) from error
