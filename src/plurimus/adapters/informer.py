"""A copy of some objects of the API server, kept current by one list and one watch.

List, then watch from the list's version on; a watch that ends is taken up where it ended.  When the server no
longer knows that version (410), everything is listed anew.  What fails or ends at once is tried again, ever more
seldom.  While the server does not answer anybody the pauses stay at a few seconds, and any answer ends them: it costs
a server that is away nothing, and one that is back sees the nodes spread over those seconds.  An object that cannot be
read is left out, and does not keep the others from being followed.

Kubernetes: "API Concepts", efficient detection of changes; spec section 7.7.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog

from plurimus.adapters.apiserver import ApiError, ApiServer
from plurimus.cni.errors import ClusterError, PlurimusError

_PAGE = "500"
_WATCH_SECONDS = 300
_FIRST_PAUSE, _MOST_PAUSE = 0.2, 30.0
_MOST_AWAY = 4.0
"""The longest pause while the server does not answer; half of it and one and a half times it, as all pauses."""
_SOON = 1.0
"""The pause, likewise, that an answer to somebody else does not shorten; and the first once it answers again."""
_SOUND = 10.0
"""Seconds after which a watch counts as one that works."""
_KNOWN = (401, 403, 429, 500, 502, 503, 504)
"""Refusals of a watch that say nothing about its version."""
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


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMetadata = _ListMetadata()
    items: list[msgspec.Raw] | None = None


class _Version(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    reason: str = ""
    message: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class Gone(ClusterError):
    """The copy cannot be taken on from the version it is at: it has to be made anew."""


class Informer(Generic[Object, T]):
    """The objects at `path` (a collection of all namespaces), each as `project` makes it of an `Object`.

    Those it makes None of are left out.  `changed` is set whenever the copy may have changed; who waits clears it.
    """

    def __init__(
        self,
        api: ApiServer,
        path: str,
        of: type[Object],
        project: Callable[[Object], T | None],
        params: Mapping[str, str] | None = None,
    ) -> None:
        self._api = api
        self._path = path
        self._project = project
        self._params = dict(params or {})
        self._object = msgspec.json.Decoder(of)
        self._event = msgspec.json.Decoder(_Event)
        self._held: dict[Key, T] = {}
        self._version = ""
        self._pause = _FIRST_PAUSE
        self._told = ""
        self.synced = asyncio.Event()
        self.changed = asyncio.Event()

    def get(self, namespace: str, name: str) -> T | None:
        return self._held.get((namespace, name))

    def held(self) -> list[T]:
        return list(self._held.values())

    async def run(self) -> None:
        """Keep the copy current, for ever, whatever happens."""
        away = False
        while True:
            asked = await self._round()
            was_away, away = away, not self._api.answers.is_set()
            self._pause = min(self._pause, _MOST_AWAY if away else _SOON if was_away else _MOST_PAUSE)
            await self._rest(asked, away=away)
            self._pause *= 2

    async def _rest(self, asked: float, *, away: bool) -> None:
        """For `asked` seconds, and for the pause that is due unless the server is `away` and answers again."""
        pause = max(asked, self._pause * random.uniform(0.5, 1.5))
        soonest = max(asked, min(pause, _SOON * random.uniform(0.5, 1.5))) if away else pause
        await asyncio.sleep(soonest)
        if away:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause - soonest):
                    await self._api.answers.wait()

    async def _round(self) -> float:
        """One watch to its end, behind a list where there is no version; for how long the server wants to rest."""
        try:
            if not self._version:
                await self._list()
            await self._watch()
        except Gone as error:
            self._version = ""
            _log.info("the copy of the cluster is made anew", path=self._path, cause=str(error))
        except PlurimusError as error:
            self._tell(str(error))
            return error.retry_after if isinstance(error, ApiError) else 0.0
        except Exception:  # noqa: BLE001 - a copy that nobody keeps current would be believed for ever
            self._version = ""
            _log.exception("the copy of the cluster is made anew, for a reason nobody foresaw", path=self._path)
        return 0.0

    def _tell(self, why: str) -> None:
        """Why the copy is not current, once until it is again or the reason is another."""
        log = _log.debug if why == self._told else _log.warning
        log("the copy of the cluster is not current", path=self._path, error=why)
        self._told = why

    async def _list(self) -> None:
        held: dict[Key, T] = {}
        params = {**self._params, "limit": _PAGE}
        while True:
            page = await self._api.get(self._path, _Page, params)
            if page is None:
                raise ClusterError(f"LIST {self._path}: the API server does not know this kind; apply its definition")
            for raw in page.items or ():
                metadata, found = self._read(raw)
                if found is not None:
                    held[_key(metadata)] = found
            if not page.metadata.more:
                break
            params["continue"] = page.metadata.more
        self._held, self._version = held, page.metadata.resource_version
        self.synced.set()
        self.changed.set()

    async def _watch(self) -> None:
        params = {**self._params, "resourceVersion": self._version, "allowWatchBookmarks": "true"}
        # a spread, so that the watches of many nodes do not end at the same moment
        seconds = _WATCH_SECONDS + random.randrange(_WATCH_SECONDS)
        loop = asyncio.get_running_loop()
        try:
            async with self._api.watch(self._path, params, seconds=seconds) as lines:
                began, self._told = loop.time(), ""
                try:
                    async for line in lines:
                        self._take(line)
                        self._pause = _FIRST_PAUSE
                finally:
                    if loop.time() - began > _SOUND:
                        self._pause = _FIRST_PAUSE
        except ApiError as error:
            if error.status not in _KNOWN:
                raise Gone(error.msg) from error
            raise

    def _take(self, line: bytes) -> None:
        try:
            event = self._event.decode(line)
            if event.type == "ERROR":
                raise self._error(event.object)
            if event.type == "BOOKMARK":
                self._version = msgspec.json.decode(event.object, type=_Version).metadata.resource_version
                return
        except msgspec.DecodeError as error:
            # asked for again it would be the same
            raise Gone(f"WATCH {self._path}: an event is not what was asked for: {error}") from error
        metadata, found = self._read(event.object)
        if event.type == "DELETED" or found is None:
            self._held.pop(_key(metadata), None)
        else:
            self._held[_key(metadata)] = found
        self._version = metadata.resource_version
        self.changed.set()

    def _error(self, status: msgspec.Raw) -> ClusterError:
        said = msgspec.json.decode(status, type=_Error)
        gone = said.code == 410 or said.reason in ("Expired", "Gone")
        return (Gone if gone else ClusterError)(f"WATCH {self._path}: {said.code} {said.reason}: {said.message}")

    def _read(self, raw: msgspec.Raw) -> tuple[Metadata, T | None]:
        """An object; None for one that has its metadata and is not what was asked for otherwise."""
        try:
            found = self._object.decode(raw)
        except msgspec.DecodeError as error:
            try:
                metadata = msgspec.json.decode(raw, type=_Version).metadata
            except msgspec.DecodeError:
                raise Gone(f"{self._path}: an object is not what was asked for: {error}") from error
            _log.warning("an object cannot be read and is left out", path=self._path, namespace=metadata.namespace,
                         name=metadata.name, error=str(error))  # fmt: skip
            return metadata, None
        return found.metadata, self._project(found)


def _key(metadata: Metadata) -> Key:
    return metadata.namespace, metadata.name
