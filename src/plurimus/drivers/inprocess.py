"""Drivers in the place of executables; implements `ports.Plugins`.

Design: "In-process drivers".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from plurimus.adapters.account import plugin
from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.cni.result import Result
from plurimus.core.ports import Plugins
from plurimus.drivers import call, options
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.options import Unknown

_VERBS = ("ADD", "DEL", "CHECK", "STATUS", "GC")
_log = structlog.get_logger(__name__)


class InProcess:
    """Plugins of the types in `drivers` run here, all others by `executables`.

    A configuration with an option its driver does not know is left to the executable, where there is one; such calls
    are counted by `unknown`.
    """

    def __init__(self, executables: Plugins, unknown: Unknown | None = None) -> None:
        self._executables = executables
        self._unknown = unknown or Unknown()
        self._sources: list[Mapping[str, Driver]] = []

    def use(self, drivers: Mapping[str, Driver]) -> None:
        """Have `drivers`, by plugin type, run from now on; those that delegate to plugins know this object."""
        self._sources.insert(0, drivers)

    def find(self, kind: str, search: Sequence[str]) -> str:
        if self._has(kind):
            return f"{kind} (inside the daemon)"
        return self._executables.find(kind, search)

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        driver = self._driver(kind)
        if driver is None or options.unknown(driver, conf):
            return None
        try:
            return driver.link(Call("DEL", search=tuple(search), conf=conf))
        except PlurimusError:
            return None  # `delete` says so

    def reads_previous(self, kind: str, conf: Mapping[str, Any]) -> bool:
        driver = self._driver(kind)
        if driver is None or driver.reads_previous or options.unknown(driver, conf):
            return True
        ipam = conf.get("ipam")
        delegated = ipam.get("type") if isinstance(ipam, Mapping) else None
        return bool(delegated) and delegated != kind and self.reads_previous(str(delegated), conf)

    def executables(self, kind: str, conf: Mapping[str, Any]) -> Sequence[str]:
        if not self._has(kind):
            return (kind,)
        ipam = conf.get("ipam")
        delegated = ipam.get("type") if isinstance(ipam, Mapping) else None
        return (str(delegated),) if delegated and not self._has(str(delegated)) else ()

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        driver = self._driver(kind)
        request = None if driver is None else call.read(env, stdin, tuple(search))
        if driver is None or request is None or self._is_for_executable(kind, driver, request):
            return await self._executables.run(kind, env=env, stdin=stdin, search=search)
        made = await _carried_out(kind, driver, request)
        return b"" if made is None else result.encode(made, request.cni_version)

    async def call(
        self, kind: str, *, env: Mapping[str, str], conf: Mapping[str, Any], search: Sequence[str]
    ) -> bytes | Result:
        driver = self._driver(kind)
        request = None if driver is None else call.of(env, conf, tuple(search))
        if driver is None or request is None or self._is_for_executable(kind, driver, request):
            return await self._executables.call(kind, env=env, conf=conf, search=search)
        made = await _carried_out(kind, driver, request)
        return b"" if made is None else result.printed(made, request.cni_version)

    async def delegate(self, kind: str, request: Call) -> bytes | Result:
        """`call` for a driver that delegates: the plugin `kind` gets the same request as it."""
        driver = self._driver(kind)
        if driver is None or self._is_for_executable(kind, driver, request):
            env, conf = request.env(), request.conf
            return await self._executables.call(kind, env=env, conf=conf, search=request.search)
        made = await _carried_out(kind, driver, request)
        return b"" if made is None else result.printed(made, request.cni_version)

    def _has(self, kind: str) -> bool:
        return any(kind in source for source in self._sources)

    def _driver(self, kind: str) -> Driver | None:
        for source in self._sources:
            if kind in source:
                return source[kind]
        return None

    def _is_for_executable(self, kind: str, driver: Driver, request: Call) -> bool:
        """Whether it has options the driver does not know, and there is an executable; each is in the log once."""
        strange = options.unknown(driver, request.conf)
        return bool(strange) and self._is_left_to_executable(kind, strange, request)

    def _is_left_to_executable(self, kind: str, strange: Sequence[str], request: Call) -> bool:
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


async def _carried_out(kind: str, driver: Driver, request: Call) -> Result | None:
    """What `driver` makes of the request: the result of an ADD, else None."""
    if request.command not in _VERBS:
        raise AttachmentError(f"unknown CNI_COMMAND: {request.command}")
    try:
        with plugin(kind, "driver", request.command, request.ifname):
            match request.command:
                case "ADD":
                    return await driver.add(request)
                case "DEL":
                    await driver.delete(request)
                case "CHECK":
                    await driver.check(request)
                case "STATUS":
                    await driver.status(request)
                case "GC":
                    await driver.collect(request)
    except PlurimusError:
        raise
    except Exception as error:  # a fault of ours is this attachment's failure, and undone like any other
        raise AttachmentError(f"the driver {kind!r} failed: {type(error).__name__}: {error}") from error
    return None
