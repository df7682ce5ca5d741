"""The stores of one `cniDir`, in memory: fakes of `core.ports`."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Collection, Mapping

from plurimus.cni import cache
from plurimus.cni.cache import CachedAttachment
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.model.deviceinfo import DeviceInfo
from plurimus.model.rdma import Seen


class FakeRecords:
    """Implements `ports.Records`; `aside` are those that could not be read."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.aside: dict[str, bytes] = {}
        self.writes: list[tuple[str, bytes]] = []
        self.store_error: PlurimusError | None = None
        self.list_error: PlurimusError | None = None
        self.opened: asyncio.Event | None = None
        """What a write waits for behind what it does, if any."""
        self.unreadable: set[str] = set()
        self.bug = ""
        """A container ID that makes the adapter fail in a way no port allows."""

    async def store(self, container_id: str, content: bytes) -> None:
        if self.store_error is not None:
            raise self.store_error
        self.writes.append((container_id, content))
        self.files[container_id] = content
        if self.opened is not None:
            await self.opened.wait()

    async def load(self, container_id: str) -> bytes | None:
        if container_id == self.bug:
            raise RuntimeError("a bug")
        if container_id in self.unreadable:
            raise AttachmentError(f"cannot read {container_id}: Input/output error", code=5)
        return self.files.get(container_id)

    async def remove(self, container_id: str) -> None:
        self.files.pop(container_id, None)

    async def set_aside(self, container_id: str) -> str:
        self.aside[container_id] = self.files.pop(container_id)
        return f"aside/{container_id}"

    async def tidy(self) -> None:
        """Nothing is ever half written here."""

    async def aside_paths(self) -> list[str]:
        return [f"aside/{container_id}" for container_id in self.aside]

    async def container_ids(self) -> list[str]:
        if self.list_error is not None:
            raise self.list_error
        return sorted(self.files)


class FakeResults:
    """Implements `ports.Results`."""

    def __init__(self) -> None:
        self.files: dict[str, CachedAttachment] = {}
        self.store_error: PlurimusError | None = None

    async def store(self, entry: CachedAttachment) -> None:
        if self.store_error is not None:
            raise self.store_error
        self.files[entry.file_name] = cache.decode(entry.encode())

    async def load(self, network: str, container_id: str, ifname: str) -> CachedAttachment | None:
        return self.files.get(f"{network}-{container_id}-{ifname}")

    async def remove(self, network: str, container_id: str, ifname: str) -> None:
        self.files.pop(f"{network}-{container_id}-{ifname}", None)

    async def entries(self, container_id: str = "") -> list[CachedAttachment]:
        found = [self.files[name] for name in sorted(self.files)]
        return [entry for entry in found if container_id in ("", entry.container_id)]


class FakeSpool:
    """Implements `ports.Spool`; names are those of the shim."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.aside: list[str] = []
        self.error: PlurimusError | None = None

    def put(self, container_id: str, ifname: str, content: bytes) -> None:
        self.files[f"{container_id}-{ifname}.json"] = content

    def pending(self) -> list[tuple[str, bytes]]:
        if self.error is not None:
            raise self.error
        return list(self.files.items())

    def tried(self, name: str) -> None:
        if name in self.files:
            self.files[name] = self.files.pop(name)

    def has(self, container_id: str, ifname: str) -> bool:
        return f"{container_id}-{ifname}.json" in self.files

    def forget(self, container_id: str, ifname: str) -> None:
        self.files.pop(f"{container_id}-{ifname}.json", None)

    def owe(self, container_id: str, ifname: str, *, env: Mapping[str, str], stdin: bytes) -> None:
        body = {"env": dict(env), "config": base64.b64encode(stdin).decode()}
        self.put(container_id, ifname, json.dumps(body).encode())

    def set_aside(self, name: str) -> str:
        self.aside.append(name)
        del self.files[name]
        return f"aside/{name}"


class FakeDeviceInfos:
    """Implements `ports.DeviceInfos`: what is offered, by resource and device, and the files of attachments."""

    def __init__(self) -> None:
        self.offers: dict[tuple[str, str], DeviceInfo] = {}
        self.files: dict[str, DeviceInfo] = {}
        self.errors: dict[str, PlurimusError] = {}
        """What fails, by the name of the method."""

    async def offered(self, resource: str, device_id: str) -> DeviceInfo | None:
        self._fail("offered")
        return self.offers.get((resource, device_id))

    async def load(self, path: str) -> DeviceInfo | None:
        self._fail("load")
        return self.files.get(path)

    async def store(self, path: str, info: DeviceInfo) -> None:
        self._fail("store")
        self.files[path] = info

    async def remove(self, path: str) -> None:
        self._fail("remove")
        self.files.pop(path, None)

    def _fail(self, method: str) -> None:
        if method in self.errors:
            raise AttachmentError(self.errors[method].msg)


class FakeRdmaFacts:
    """Implements `ports.RdmaFacts`: `answers` are given one after another, the last again and again."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Seen]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.error: PlurimusError | None = None

    async def look(self, netns: str, interfaces: Mapping[str, str]) -> Mapping[str, Seen]:
        self.asked.append((netns, dict(interfaces)))
        if self.error is not None:
            raise self.error
        now = self.answers.pop(0) if len(self.answers) > 1 else (self.answers or [{}])[0]
        return {name: seen for name, seen in now.items() if name in interfaces}


class FakePodFolders:
    """Implements `ports.PodFolders`: the owner and the files of each UID."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, dict[str, bytes]]] = {}
        self.error: PlurimusError | None = None

    async def store(self, uid: str, container_id: str, content: Mapping[str, bytes]) -> None:
        self._fail()
        self.files[uid] = (container_id, dict(content))

    async def remove(self, uid: str, container_id: str) -> None:
        self._fail()
        if self.files.get(uid, ("",))[0] == container_id:
            del self.files[uid]

    async def sweep(self, living: Collection[str]) -> None:
        self._fail()
        self.files = {uid: kept for uid, kept in self.files.items() if kept[0] in living}

    async def tidy(self) -> None:
        """Nothing is ever left here."""

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
