"""libcni's result cache, `<cniDir>/results/`; implements `ports.Results`.  Spec section 1.5."""

from __future__ import annotations

from pathlib import Path

from plurimus.adapters import files
from plurimus.cni import cache
from plurimus.cni.cache import CachedAttachment


class ResultFiles:
    """The files are written whole but not waited for: losing one costs a `prevResult`, no address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def store(self, entry: CachedAttachment) -> None:
        files.replace(self._path(entry.network, entry.container_id, entry.ifname), entry.encode(), durable=False)

    async def load(self, network: str, container_id: str, ifname: str) -> CachedAttachment | None:
        path = self._path(network, container_id, ifname)
        try:
            return cache.decode(files.read(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(path, "read", error) from error
        except ValueError:
            files.remove(path)
            return None

    async def remove(self, network: str, container_id: str, ifname: str) -> None:
        files.remove(self._path(network, container_id, ifname))

    def _path(self, network: str, container_id: str, ifname: str) -> str:
        return f"{self._folder}/{cache.file_name(network, container_id, ifname)}"

    async def entries(self, container_id: str = "") -> list[CachedAttachment]:
        found = []
        for name in files.names(self._folder, f"-{container_id}-" if container_id else ""):
            try:
                entry = cache.decode(files.read(f"{self._folder}/{name}"))
            except (OSError, ValueError):
                continue
            owner = entry.container_id
            if owner and container_id in ("", owner) and entry.file_name == name:
                found.append(entry)
        return found
