"""The copy of what an API server has: whatever the server does, it becomes the same again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.adapters.informer import Informer, Metadata
from tests.patience import becomes

from .api import Answer, Break, Reply, Server, Stream, client, serving, status

PATH = "/api/v1/things"

Copy = dict[str, str]


class Thing(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    color: str = ""


def project(thing: Thing) -> tuple[str, str]:
    if thing.color == "unforeseen":
        raise RuntimeError("nobody thought of this color")
    return thing.metadata.name, thing.color


def thing(name: str, color: Any = "red", version: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": str(version)}, "color": color}


def listed(version: int, *things: dict[str, Any], more: str = "") -> Reply:
    return Reply(body={"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(things)})


def event(kind: str, of: Any) -> dict[str, Any]:
    return {"type": kind, "object": of}


def bookmark(version: int) -> dict[str, Any]:
    return event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


@asynccontextmanager
async def following(*answers: Answer, timeout: float = 5.0) -> AsyncIterator[tuple[Server, Informer[Thing, Any]]]:
    """A server, and what copies it, running."""
    async with serving(*answers) as server, client(server, timeout=timeout) as api:
        informer = Informer(api, PATH, Thing, project, {"fieldSelector": "spec.nodeName=node"})
        task = asyncio.create_task(informer.run())
        try:
            yield server, informer
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def copy(informer: Informer[Thing, Any]) -> Copy:
    return dict(sorted(informer.held()))


def versions(server: Server) -> list[str]:
    """The versions watches were asked for from, in order."""
    return [seen.query["resourceVersion"] for seen in server.watches()]


async def test_a_list_then_a_watch_from_its_version_on() -> None:
    """F75; spec section 7.7."""
    changes = [event("ADDED", thing("c", "blue", 8)), event("MODIFIED", thing("a", "green", 9)),
               event("DELETED", thing("b", "red", 10))]  # fmt: skip
    async with following(listed(7, thing("a"), thing("b")), Stream(changes)) as (server, informer):
        await becomes(lambda: copy(informer), {"a": "green", "c": "blue"})
        assert informer.get("ns", "c") == ("c", "blue")
        assert informer.get("ns", "b") is None
        asked, watch = server.seen
        assert asked.query == {"fieldSelector": "spec.nodeName=node", "limit": "500"}
        assert 300 <= int(watch.query["timeoutSeconds"]) < 600
        assert (watch.query["resourceVersion"], watch.query["allowWatchBookmarks"]) == ("7", "true")
        assert watch.query["fieldSelector"] == "spec.nodeName=node"


async def test_a_long_list_comes_in_pages() -> None:
    pages = [listed(7, thing("a"), more="p2"), listed(7, thing("b"), more="p3"), listed(7, thing("c"))]
    async with following(*pages, Stream()) as (server, informer):
        await asyncio.wait_for(informer.synced.wait(), 20)
        assert list(copy(informer)) == ["a", "b", "c"]
        assert [seen.query.get("continue") for seen in server.lists()] == [None, "p2", "p3"]


async def test_a_page_that_came_too_late_starts_the_list_again() -> None:
    """410: a continue token lives as long as etcd keeps its version."""
    answers = [listed(7, thing("old"), more="p2"), status(410, "Expired", "continue token is too old"),
               listed(9, thing("new"))]  # fmt: skip
    async with following(*answers, Stream()) as (server, informer):
        await asyncio.wait_for(informer.synced.wait(), 20)
        assert list(copy(informer)) == ["new"]
        await becomes(lambda: versions(server), ["9"])


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(status(410, "Expired"), id="refused"),
        pytest.param(status(400, "BadRequest", "invalid resource version"), id="no-version-of-this-server"),
        pytest.param(Stream([event("ERROR", {"code": 410, "message": "too old"})], "end"), id="code"),
        pytest.param(Stream([event("ERROR", {"reason": "Expired"})], "end"), id="reason"),
        pytest.param(Stream([event("ERROR", {"reason": "Gone", "code": 410})]), id="and-the-stream-stays"),
        pytest.param(Stream([b"no JSON\n"]), id="not-an-event"),
    ],
)
async def test_a_version_the_server_no_longer_knows_is_listed_anew(gone: Answer) -> None:
    async with following(listed(7, thing("a"), thing("b")), gone, listed(20, thing("b", "blue")), Stream()) as (
        server,
        informer,
    ):
        await becomes(lambda: copy(informer), {"b": "blue"})
        await becomes(lambda: versions(server), ["7", "20"])


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param([Stream([event("ADDED", thing("b", version=8)), bookmark(12)], "end")], id="ended"),
        pytest.param([Stream([event("ADDED", thing("b", version=12))], "break")], id="broken"),
        pytest.param(
            [Stream([event("ADDED", thing("b", version=12)), b'{"type":"DELETED","object":{"meta'], "break")],
            id="broken-in-an-event",
        ),
        pytest.param(
            [Stream([event("ADDED", thing("b", version=12)), b'{"type":"DELETED","object":{"meta'], "end")],
            id="ended-in-an-event",
        ),
        pytest.param(
            [Stream([event("ADDED", thing("b", version=12)), event("ERROR", {"code": 500, "message": "etcd"})])],
            id="failed-at-the-server",
        ),
    ],
)
async def test_a_watch_is_taken_up_where_it_ended(ended: list[Answer]) -> None:
    async with following(listed(7, thing("a")), *ended, Stream([event("ADDED", thing("c", version=13))])) as (
        server,
        informer,
    ):
        await becomes(lambda: list(copy(informer)), ["a", "b", "c"])
        assert versions(server) == ["7", "12"]
        assert len(server.lists()) == 1


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
async def test_a_watch_refused_for_another_reason_keeps_its_version(code: int) -> None:
    async with following(listed(7, thing("a")), status(code), status(code), Stream()) as (server, _):
        await becomes(lambda: versions(server), ["7", "7", "7"])
        assert len(server.lists()) == 1


async def test_the_server_is_left_alone_for_as_long_as_it_asks() -> None:
    """Retry-After."""
    async with following(listed(7), status(429, Retry_After="2"), Stream()) as (server, _):
        await becomes(lambda: len(server.watches()), 2)
        first, second = server.watches()
        assert second.at - first.at >= 1.9


@pytest.mark.parametrize("ends", [Stream([], "end"), Stream([], "break"), Break(), status(403), status(410)])
async def test_watches_that_end_at_once_do_not_keep_the_server_busy(ends: Answer) -> None:
    """Each pause is longer than the one before: 0.1 s at least, then 0.2, 0.4."""
    async with following(listed(7), ends) as (server, _):
        if ends == status(410):
            server.answers[:] = [listed(7), ends] * 1000
        await becomes(lambda: len(server.seen) >= 2, True)
        await asyncio.sleep(0.6)
        assert 2 <= len(server.seen) <= 8


async def test_an_object_that_cannot_be_read_does_not_hide_the_others() -> None:
    """A kind whose definition checks nothing: one object of another shape in the list, one in the watch."""
    changes = [event("MODIFIED", thing("b", ["no", "text"], 8)), event("ADDED", thing("c", "blue", 9))]
    async with following(listed(7, thing("odd", 5), thing("a"), thing("b")), Stream(changes)) as (_, informer):
        await becomes(lambda: copy(informer), {"a": "red", "c": "blue"})


async def test_what_nobody_foresaw_makes_the_copy_anew() -> None:
    """A bug must not leave a copy behind that nobody keeps current."""
    changes = Stream([event("ADDED", thing("b", "unforeseen", 8))])
    async with following(listed(7, thing("a")), changes, listed(9, thing("a", "blue")), Stream()) as (_, informer):
        await becomes(lambda: copy(informer), {"a": "blue"})


async def test_a_kind_that_is_not_there_yet_is_waited_for() -> None:
    """The definition of the kind may be applied after the daemon."""
    async with following(status(404, "NotFound"), listed(7, thing("a")), Stream()) as (_, informer):
        await asyncio.wait_for(informer.synced.wait(), 20)
        assert copy(informer) == {"a": "red"}


async def test_a_list_that_fails_leaves_the_old_copy() -> None:
    """An old definition serves a pod better than none."""
    answers = [listed(7, thing("a")), status(410), status(403)]
    async with following(*answers) as (server, informer):
        await becomes(lambda: len(server.lists()) > 1, True)
        assert copy(informer) == {"a": "red"}


CHANGES = st.lists(
    st.tuples(st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]), st.sampled_from("abcd"),
              st.sampled_from(["red", "blue"])),
    max_size=30,
)  # fmt: skip


@settings(max_examples=25)
@given(first=st.sets(st.sampled_from("abcd")), changes=CHANGES, pieces=st.lists(st.integers(1, 200), max_size=10))
async def test_any_events_give_what_a_list_would(
    first: set[str], changes: list[tuple[str, str, str]], pieces: list[int]
) -> None:
    """Also repeated ones, deletions of what is not there, and events that come in pieces."""
    expected, events = dict.fromkeys(first, "red"), []
    for version, (kind, name, color) in enumerate(changes, 8):
        events.append(bookmark(version) if kind == "BOOKMARK" else event(kind, thing(name, color, version)))
        if kind == "DELETED":
            expected.pop(name, None)
        elif kind != "BOOKMARK":
            expected[name] = color
    last = len(changes) + 8
    events.append(event("ADDED", thing("last", "red", last)))
    stream = Stream(_cut(b"".join(msgspec.json.encode(each) + b"\n" for each in events), pieces))
    async with following(listed(7, *(thing(name) for name in first)), stream) as (_, informer):
        await becomes(lambda: "last" in copy(informer), True)
        assert copy(informer) == dict(sorted({**expected, "last": "red"}.items()))


def _cut(content: bytes, lengths: list[int]) -> list[bytes]:
    pieces = []
    for length in lengths:
        piece, content = content[:length], content[length:]
        pieces.append(piece)
    return [piece for piece in (*pieces, content) if piece]
