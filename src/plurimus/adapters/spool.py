"""The shim's spool, `<cniDir>/.spool/<container ID>-<interface>.json`; implements `ports.Spool`.

A file holds one request body, whole: it is renamed into place.  Most are the shim's.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni import args

_TRIED = ".tried"
"""The file whose age is that of the last try to pay."""


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
        return os.path.exists(self._path(container_id, ifname))  # noqa: PTH110 - no name is too long for it

    def forget(self, container_id: str, ifname: str) -> None:
        files.remove(self._path(container_id, ifname))

    def owe(self, container_id: str, ifname: str, *, env: Mapping[str, str], stdin: bytes) -> None:
        body = {"env": dict(env), "config": base64.b64encode(stdin).decode()}
        files.replace(self._path(container_id, ifname), json.dumps(body).encode(), durable=True)

    def tried(self, name: str) -> None:
        path = self._folder / name
        try:
            os.utime(path)
        except FileNotFoundError:  # paid meanwhile, by another process
            pass
        except OSError as error:
            raise files.io_error(path, "touch", error) from error

    def claim(self, seconds: float, *, now: float) -> bool:
        """Whether no process tried to pay within `seconds` of `now` (of the day); from now on one has."""
        stamp = self._folder / _TRIED
        taken = files.lock(stamp)
        if taken is None:
            return False
        try:
            found = os.fstat(taken)
            # a new one is empty; another process may have stamped it with a later time
            if found.st_size and abs(now - found.st_mtime) < seconds:
                return False
            os.pwrite(taken, b"\n", 0)
            os.utime(taken, (now, now))
        except OSError as error:
            raise files.io_error(stamp, "write", error) from error
        finally:
            os.close(taken)
        return True

    def disclaim(self) -> None:
        """Nothing is owed any more: what is owed next is tried at once."""
        stamp = self._folder / _TRIED
        try:
            stamp.unlink(missing_ok=True)
        except OSError as error:
            raise files.io_error(stamp, "remove", error) from error

    def set_aside(self, name: str) -> str:
        return files.set_aside(self._folder / name)

    def _path(self, container_id: str, ifname: str) -> Path:
        return self._folder / f"{args.check_container_id(container_id)}-{args.check_ifname(ifname)}.json"
