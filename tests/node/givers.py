"""An IPAM plugin that gives what it was told to, and remembers when it was asked for what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plurimus.adapters.plugins import Executables
from plurimus.cni import result
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam

TYPE = {"ipam": {"type": "giver"}}


class Giver(Driver):
    """Gives `content`; fails for the verbs in `fails`; `sees` is asked at each call what is there then."""

    def __init__(self, sees: Callable[[], object] = lambda: None, **content: Any) -> None:
        self.content = content
        self.sees = sees
        self.fails: set[str] = set()
        self.asked: list[tuple[str, object]] = []

    @property
    def ipam(self) -> Ipam:
        inside = InProcess(Executables(timeout=10))
        inside.use({"giver": self})
        return Ipam(inside)

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.asked]

    async def add(self, call: Call) -> Result:
        self._note("ADD")
        return result.parse(self.content, default_version="1.1.0")

    async def delete(self, call: Call) -> None:
        self._note("DEL")

    async def check(self, call: Call) -> None:
        self._note("CHECK")

    async def status(self, call: Call) -> None:
        self._note("STATUS")

    async def collect(self, call: Call) -> None:
        self._note("GC")

    def _note(self, verb: str) -> None:
        self.asked.append((verb, self.sees()))
        if verb in self.fails:
            raise AttachmentError(f"the giver fails at {verb}")
