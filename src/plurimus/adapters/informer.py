"""A copy of some objects of the API server, kept current by one list and one watch.

List, then watch from the list's version on; a watch that ends is taken up where it ended.  When the server no
longer knows that version (410), everything is listed anew.  What fails is tried again, ever more seldom.

Kubernetes: "API Concepts", efficient detection of changes; spec section 7.7.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from plurimus.adapters.apiserver import ApiError, ApiServer
from plurimus.cni.errors import ClusterError

_PAGE = "500"
_WATCH_SECONDS = 300
_FIRST_PAUSE, _MOST_PAUSE = 0.2, 30.0
_log = structlog.get_logger(__name__)

Key = tuple[str, str]


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    annotations: dict[str, str] = {}


class HasMetadata(Protocol):
    @property
    def metadata(self) -> Metadata: ...


Object = TypeVar("Object", bound=HasMetadata)
T = TypeVar("T")


class _ListMetadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    more: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, Generic[Object], frozen=True):
    metadata: _ListMetadata = _ListMetadata()
    items: list[Object] | None = None


class _Version(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    code: int = 0
    message: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class Gone(ClusterError):
    """The server no longer knows the version the copy is at."""


class Informer(Generic[Object, T]):
    """The objects at `path` (a collection of all namespaces), each as `project` makes it of an `Object`."""

    def __init__(
        self,
        api: ApiServer,
        path: str,
        of: type[Object],
        project: Callable[[Object], T],
        params: Mapping[str, str] | None = None,
    ) -> None:
        self._api = api
        self._path = path
        self._project = project
        self._params = dict(params or {})
        self._page: type[_Page[Object]] = _Page[of]  # type: ignore[valid-type]
        self._object = msgspec.json.Decoder(of)
        self._event = msgspec.json.Decoder(_Event)
        self._held: dict[Key, T] = {}
        self._version = ""
        self.synced = asyncio.Event()

    def get(self, namespace: str, name: str) -> T | None:
        return self._held.get((namespace, name))

    def held(self) -> list[T]:
        return list(self._held.values())

    async def run(self) -> None:
        """Keep the copy current, for ever."""
        pause = _FIRST_PAUSE
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Gone:
                self._version = ""
            except ClusterError as error:
                _log.warning("the copy of the cluster is not current", path=self._path, error=str(error),
                             again_in=round(pause, 1))  # fmt: skip
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, _MOST_PAUSE)
                continue
            pause = _FIRST_PAUSE

    async def _list(self) -> None:
        held: dict[Key, T] = {}
        params = {**self._params, "limit": _PAGE}
        while True:
            page = await self._api.get(self._path, self._page, params)
            if page is None:
                raise ClusterError(f"LIST {self._path}: the API server does not know this kind; apply its definition")
            for found in page.items or ():
                held[_key(found.metadata)] = self._project(found)
            if not page.metadata.more:
                break
            params["continue"] = page.metadata.more
        self._held, self._version = held, page.metadata.resource_version
        self.synced.set()

    async def _watch(self) -> None:
        params = {**self._params, "resourceVersion": self._version, "allowWatchBookmarks": "true"}
        # a spread, so that the watches of many nodes do not end at the same moment
        seconds = _WATCH_SECONDS + random.randrange(_WATCH_SECONDS)
        try:
            async for line in self._api.watch(self._path, params, seconds=seconds):
                self._take(line)
        except ApiError as error:
            if error.status == 410:
                raise Gone(error.msg) from error
            raise

    def _take(self, line: bytes) -> None:
        try:
            event = self._event.decode(line)
            if event.type == "ERROR":
                said = msgspec.json.decode(event.object, type=_Version)
                raise (Gone if said.code == 410 else ClusterError)(f"WATCH {self._path}: {said.code} {said.message}")
            if event.type == "BOOKMARK":
                self._version = msgspec.json.decode(event.object, type=_Version).metadata.resource_version
                return
            found = self._object.decode(event.object)
        except msgspec.DecodeError as error:
            raise ClusterError(f"WATCH {self._path}: an event is not what was asked for: {error}") from error
        if event.type == "DELETED":
            self._held.pop(_key(found.metadata), None)
        else:
            self._held[_key(found.metadata)] = self._project(found)
        self._version = found.metadata.resource_version


def _key(metadata: Metadata) -> Key:
    return metadata.namespace, metadata.name
