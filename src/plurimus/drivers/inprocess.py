"""Drivers in the place of executables; implements `ports.Plugins`.

Design: "In-process drivers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.core.ports import Plugins
from plurimus.drivers import call, options
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.options import Unknown

_log = structlog.get_logger(__name__)


class InProcess:
    """Plugins of the types in `drivers` run here, all others by `executables`.

    A configuration with an option its driver does not know is left to the executable, where there is one; such calls
    are counted by `unknown`.
    """

    def __init__(self, executables: Plugins, unknown: Unknown | None = None) -> None:
        self._executables = executables
        self._unknown = unknown or Unknown()
        self._drivers: dict[str, Driver] = {}

    def use(self, drivers: Mapping[str, Driver]) -> None:
        """Have `drivers`, by plugin type, run from now on; those that delegate to plugins know this object."""
        self._drivers.update(drivers)

    def find(self, kind: str, search: Sequence[str]) -> str:
        return f"{kind} (inside the daemon)" if kind in self._drivers else self._executables.find(kind, search)

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        driver = self._drivers.get(kind)
        if driver is None or options.unknown(driver, conf):
            return None
        try:
            return driver.link(Call("DEL", search=tuple(search), conf=conf))
        except PlurimusError:
            return None  # `delete` says so

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        driver = self._drivers.get(kind)
        if driver is None:
            return await self._executables.run(kind, env=env, stdin=stdin, search=search)
        request = call.read(env, stdin, tuple(search))
        strange = options.unknown(driver, request.conf)
        if strange and self._is_left_to_executable(kind, strange, request):
            return await self._executables.run(kind, env=env, stdin=stdin, search=search)
        try:
            return await _answer(driver, request)
        except PlurimusError:
            raise
        except Exception as error:  # a fault of ours is this attachment's failure, and undone like any other
            raise AttachmentError(f"the driver {kind!r} failed: {type(error).__name__}: {error}") from error

    def _is_left_to_executable(self, kind: str, strange: Sequence[str], request: Call) -> bool:
        """Whether there is an executable for options the driver does not know; each is in the log once."""
        try:
            self._executables.find(kind, request.search)
            there = True
        except PlurimusError:
            there = False
        for key in strange:
            if not self._unknown.note(kind, key, executable=there):
                continue
            if there:
                _log.info("the executable runs for an option its driver does not know", plugin=kind, key=key,
                          network=request.network)  # fmt: skip
            else:
                _log.warning("an option is ignored: the driver does not know it, and there is no executable",
                             plugin=kind, key=key, network=request.network)  # fmt: skip
        return there


async def _answer(driver: Driver, request: Call) -> bytes:
    if request.command == "ADD":
        return result.encode(await driver.add(request), request.cni_version)
    verbs = {"DEL": driver.delete, "CHECK": driver.check, "STATUS": driver.status, "GC": driver.collect}
    if request.command not in verbs:
        raise AttachmentError(f"unknown CNI_COMMAND: {request.command}")
    await verbs[request.command](request)
    return b""
