"""An IPAM plugin that gives what it was told to, and remembers when it was asked for what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plurimus.cni.errors import AttachmentError
from plurimus.core.ports import Plugins
from plurimus.drivers.ipam import Ipam

TYPE = {"ipam": {"type": "giver"}}


class Giver(Plugins):
    """Gives `content`; fails for the verbs in `fails`; `sees` is asked at each call what is there then."""

    def __init__(self, sees: Callable[[], object] = lambda: None, **content: Any) -> None:
        self.content = content
        self.sees = sees
        self.fails: set[str] = set()
        self.asked: list[tuple[str, object]] = []

    @property
    def ipam(self) -> Ipam:
        return Ipam(self)

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.asked]

    def find(self, kind: str, search: Sequence[str]) -> str:
        return kind

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        verb = env["CNI_COMMAND"]
        self.asked.append((verb, self.sees()))
        if verb in self.fails:
            raise AttachmentError(f"the giver fails at {verb}")
        return json.dumps({"cniVersion": "1.1.0", **self.content}).encode()
