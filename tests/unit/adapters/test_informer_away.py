"""The copy of what an API server has, while that is away for long and when it answers again.

On a clock of its own, and with a network of its own, which is cut for an hour.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from plurimus.adapters.apiserver import ApiServer, Identity
from plurimus.adapters.http1 import Head
from plurimus.adapters.informer import Informer, Metadata
from plurimus.adapters.kubeconfig import Access

from .. import jumping

if TYPE_CHECKING:
    from plurimus.adapters.apipool import Pool

THINGS, OTHERS = "/api/v1/things", "/api/v1/others"
LONG, HOUR = 300.0, 3600.0
"""Behind either pauses are as long as they get."""
GONE, FORBIDDEN, UNAVAILABLE = 410, 403, 503
LONGEST = 6.0
"""Seconds a copy waits at most between two tries while the server is away."""
SHORTEST = 1.5
"""Seconds behind which an answer to somebody else wakes it at the latest."""


class Thing(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()


class Server:
    """What is behind the network: one thing, whose UID changes, and when it was asked for what.

    It refuses paths in `refused` with their status; where it `is_away` there is no answer.
    """

    def __init__(self) -> None:
        self.uid = "before"
        self.is_away = False
        self.refused: dict[str, int] = {}
        self.versions = {"1"}
        self.asked: list[tuple[float, str, bool]] = []
        self._cut = asyncio.Event()

    def go(self) -> None:
        """Away, and nobody hears what changes meanwhile."""
        self.is_away, self.uid = True, "after"
        cut, self._cut = self._cut, asyncio.Event()
        cut.set()

    def come_back(self, *, knows: Sequence[str] = ("2",)) -> None:
        """With watches from the versions it still `knows`."""
        self.is_away, self.versions = False, set(knows)

    def tries(self, path: str) -> list[float]:
        return [at for at, asked, _ in self.asked if asked == path]

    async def answer(self, target: str) -> tuple[int, bytes, asyncio.Event]:
        await asyncio.sleep(0.001)
        path, _, query = target.partition("?")
        self.asked.append((asyncio.get_running_loop().time(), path, self.is_away))
        if self.is_away:
            raise ConnectionRefusedError("nobody listens")
        if path in self.refused:
            return self.refused[path], b"{}", self._cut
        version = next((each[16:] for each in query.split("&") if each.startswith("resourceVersion=")), "")
        if version and version not in self.versions:
            return GONE, b"{}", self._cut
        thing = {"metadata": {"name": "thing", "uid": self.uid, "resourceVersion": max(self.versions)}}
        listed = {"metadata": {"resourceVersion": max(self.versions)}, "items": [thing]}
        event = {"type": "MODIFIED", "object": thing}
        return 200, json.dumps(event if version else listed).encode() + b"\n", self._cut


class Connection:
    """An answer that has begun; a watch ends when the network is cut."""

    def __init__(self, content: bytes, cut: asyncio.Event) -> None:
        self._content, self._cut = content, cut

    async def chunk(self) -> bytes:
        content, self._content = self._content, b""
        if not content:
            await self._cut.wait()
            raise ConnectionResetError("the network is cut")
        return content

    async def body(self) -> bytes:
        return self._content


class Network:
    """In the place of a pool of connections."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def ask(self, _method: str, target: str, _identity: Identity, _body: bytes | None) -> tuple[Head, bytes]:
        status, content, _ = await self._server.answer(target)
        return Head(status, {}), content

    async def begin(self, _method: str, target: str, _identity: Identity) -> tuple[Connection, Head]:
        status, content, cut = await self._server.answer(target)
        return Connection(content, cut), Head(status, {})

    def release(self, connection: Connection) -> None:
        pass


class Api(ApiServer):
    """Asks over a network of the test's."""

    def __init__(self, server: Server) -> None:
        super().__init__(Access("http://server"), timeout=10.0)
        self._network: Any = Network(server)

    def _connections(self) -> Pool:
        pool: Pool = self._network
        return pool


@asynccontextmanager
async def copied(server: Server) -> AsyncIterator[tuple[Api, Informer[Thing, str]]]:
    api = Api(server)
    informer = Informer(api, THINGS, Thing, lambda thing: thing.metadata.uid)
    task = asyncio.create_task(informer.run())
    try:
        yield api, informer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def becomes(informer: Informer[Thing, str], uid: str) -> None:
    """Wait until that is what it holds; an hour should do."""
    async with asyncio.timeout(HOUR):
        while informer.held() != [uid]:
            informer.changed.clear()
            await informer.changed.wait()


@pytest.mark.parametrize("knows", ["12", "2"], ids=["its-version-is-known", "it-is-listed-anew"])
def test_a_copy_is_current_within_seconds_of_the_servers_return_though_nobody_else_asks(knows: str) -> None:
    async def work() -> None:
        server, now = Server(), asyncio.get_running_loop().time
        async with copied(server) as (_, informer):
            await becomes(informer, "before")
            server.go()
            await asyncio.sleep(HOUR)
            server.come_back(knows=knows)
            back = now()
            await becomes(informer, "after")
            assert now() - back < LONGEST + SHORTEST + 0.1

    for _ in range(3):
        jumping.run(work())


def test_a_copy_has_the_servers_return_told_though_nobody_else_asks() -> None:
    async def work() -> None:
        server = Server()
        async with copied(server) as (api, informer):
            await becomes(informer, "before")
            server.go()
            await asyncio.sleep(LONG)
            assert not api.answers.returned.is_set()
            server.come_back()
            async with asyncio.timeout(LONGEST + 0.1):
                await api.answers.returned.wait()

    jumping.run(work())


def test_an_answer_to_anybody_wakes_a_copy_that_waits_for_the_server() -> None:
    async def work() -> None:
        server, now = Server(), asyncio.get_running_loop().time
        async with copied(server) as (api, informer):
            await becomes(informer, "before")
            server.go()
            await asyncio.sleep(LONG)
            server.come_back(knows="12")
            back = now()
            await api.get(OTHERS, Thing)
            await becomes(informer, "after")
            assert now() - back < SHORTEST + 0.1

    for _ in range(20):  # once it might have been its turn anyway
        jumping.run(work())


def test_a_server_that_starts_and_refuses_at_first_is_asked_again_soon() -> None:
    async def work() -> None:
        server, now = Server(), asyncio.get_running_loop().time
        async with copied(server) as (_, informer):
            await becomes(informer, "before")
            server.go()
            await asyncio.sleep(LONG)
            server.come_back(knows="12")
            server.refused[THINGS] = FORBIDDEN  # as before its own roles are read
            seen = len(server.tries(THINGS))
            while len(server.tries(THINGS)) == seen:
                await asyncio.sleep(0.01)
            server.refused.clear()
            answered = now()
            await becomes(informer, "after")
            assert now() - answered < SHORTEST + 0.1

    jumping.run(work())


@pytest.mark.parametrize("status", [FORBIDDEN, UNAVAILABLE])
def test_answers_to_others_do_not_have_what_is_refused_asked_for_more_often(status: int) -> None:
    async def work() -> None:
        server = Server()
        server.refused[THINGS] = status
        async with copied(server) as (api, _):
            for _ in range(600):
                await asyncio.sleep(0.1)
                await api.get(OTHERS, Thing)
        asked = server.tries(THINGS)
        # one that is forbidden waits ever longer; of a list that fails otherwise each try is at most one in a second
        assert len(asked) < (12 if status == FORBIDDEN else 100)

    jumping.run(work())


def test_hundreds_of_nodes_ask_a_server_that_is_away_seldom_and_come_back_one_by_one() -> None:
    nodes = 150

    async def work() -> None:
        server, now = Server(), asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as group:
            informers = [Informer(Api(server), THINGS, Thing, lambda thing: thing.metadata.uid) for _ in range(nodes)]
            tasks = [group.create_task(informer.run()) for informer in informers]
            for informer in informers:
                await becomes(informer, "before")
            server.go()
            await asyncio.sleep(90)
            away = [at for at, _, was_away in server.asked if was_away]
            assert len([at for at in away if at > now() - 60]) < nodes * 60 / 3
            server.come_back(knows="12")
            back = now()
            for informer in informers:
                await becomes(informer, "after")
            asked = [at - back for at in server.tries(THINGS) if at > back]
            assert len(asked) == nodes  # one request for each is enough
            assert max(len([at for at in asked if begin <= at < begin + 0.5]) for begin in asked) < nodes / 3
            for task in tasks:
                task.cancel()

    jumping.run(work())
