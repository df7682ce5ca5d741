"""The shim's spool, `<cniDir>/.spool/<container ID>-<interface>.json`; implements `ports.Spool`.

A file holds one request body, whole: it is renamed into place.  Most are the shim's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni import args

_TRIED = ".tried"


class SpoolFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pending(self) -> list[tuple[str, bytes]]:
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix == ".json" and path.name[0] != "."]
            paths.sort(key=lambda path: path.stat().st_mtime_ns)
            return [(path.name, path.read_bytes()) for path in paths]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise files.io_error(self._folder, "read", error) from error

    def has(self, container_id: str, ifname: str) -> bool:
        return self._path(container_id, ifname).exists()

    def forget(self, container_id: str, ifname: str) -> None:
        path = self._path(container_id, ifname)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise files.io_error(path, "remove", error) from error

    def owe(self, container_id: str, ifname: str, *, env: Mapping[str, str], stdin: bytes) -> None:
        body = {"env": dict(env), "config": base64.b64encode(stdin).decode()}
        files.replace(self._path(container_id, ifname), json.dumps(body).encode(), durable=True)

    def claim(self, seconds: float, *, now: float) -> bool:
        """Whether no process tried to pay within `seconds` before `now` (of the day); from now on one has."""
        stamp = self._folder / _TRIED
        try:
            if now - stamp.stat().st_mtime < seconds:
                return False
        except FileNotFoundError:
            pass
        except OSError as error:
            raise files.io_error(stamp, "read", error) from error
        files.replace(stamp, b"", durable=False)
        return True

    def disclaim(self) -> None:
        """Nothing is owed any more: what is owed next is tried at once."""
        (self._folder / _TRIED).unlink(missing_ok=True)

    def set_aside(self, name: str) -> str:
        path = self._folder / name
        aside = path.with_name(f".{name}.unreadable")
        try:
            path.replace(aside)
        except OSError as error:
            raise files.io_error(path, "rename", error) from error
        return str(aside)

    def _path(self, container_id: str, ifname: str) -> Path:
        return self._folder / f"{args.check_container_id(container_id)}-{args.check_ifname(ifname)}.json"
