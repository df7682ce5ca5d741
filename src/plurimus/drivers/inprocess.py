"""Drivers in the place of executables; implements `ports.Plugins`.

Design: "In-process drivers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.core.ports import Plugins
from plurimus.drivers import call
from plurimus.drivers.call import Call, Driver


class InProcess:
    """Plugins of the types in `drivers` run here, all others by `executables`."""

    def __init__(self, executables: Plugins) -> None:
        self._executables = executables
        self._drivers: dict[str, Driver] = {}

    def use(self, drivers: Mapping[str, Driver]) -> None:
        """Have `drivers`, by plugin type, run from now on; those that delegate to plugins know this object."""
        self._drivers.update(drivers)

    def find(self, kind: str, search: Sequence[str]) -> str:
        return f"{kind} (inside the daemon)" if kind in self._drivers else self._executables.find(kind, search)

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        driver = self._drivers.get(kind)
        if driver is None:
            return await self._executables.run(kind, env=env, stdin=stdin, search=search)
        request = call.read(env, stdin, tuple(search))
        try:
            return await _answer(driver, request)
        except PlurimusError:
            raise
        except Exception as error:  # a fault of ours is this attachment's failure, and undone like any other
            raise AttachmentError(f"the driver {kind!r} failed: {type(error).__name__}: {error}") from error


async def _answer(driver: Driver, request: Call) -> bytes:
    if request.command == "ADD":
        return result.encode(await driver.add(request), request.cni_version)
    verbs = {"DEL": driver.delete, "CHECK": driver.check, "STATUS": driver.status, "GC": driver.collect}
    if request.command not in verbs:
        raise AttachmentError(f"unknown CNI_COMMAND: {request.command}")
    await verbs[request.command](request)
    return b""
