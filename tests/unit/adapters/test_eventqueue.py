"""Events on pods as they reach the API server: how many, how long, and what happens when it does not take them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.eventqueue import EventQueue
from plurimus.core.plan import PodReference
from plurimus.model.event import Event
from tests.patience import becomes

from .api import Answer, Break, Reply, Server, Silence, client, serving, status

POD = PodReference("ns", "trainer", "uid-1")
MADE = Reply(201)
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@asynccontextmanager
async def running(api: ApiServer) -> AsyncIterator[EventQueue]:
    queue = EventQueue(api, "node-1")
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def sending(*answers: Answer, timeout: float = 10.0, **access: Any) -> AsyncIterator[tuple[Server, EventQueue]]:
    async with serving(*answers) as server, client(server, timeout=timeout, **access) as api, running(api) as queue:
        yield server, queue


def told(server: Server) -> list[tuple[str, str]]:
    return [(seen.body["reason"], seen.body["message"]) for seen in server.seen]


async def test_an_event_says_what_about_which_pod_and_who_says_so() -> None:
    """F44; spec section 2.8: tools look for the component `multus`."""
    async with sending(MADE) as (server, queue):
        queue.put(POD, [Event.added("net1", ["10.0.0.2/24"], "ns/rail")])
        await becomes(lambda: len(server.seen), 1)
        (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/api/v1/namespaces/ns/events")
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": "ns", "name": "trainer", "uid": "uid-1"}
    assert seen.body["involvedObject"] == about
    assert seen.body["source"] == {"component": "multus", "host": "node-1"}
    assert (seen.body["type"], seen.body["reason"]) == ("Normal", "AddedInterface")
    assert seen.body["message"] == "Add net1 [10.0.0.2/24] from ns/rail"


async def test_neighbours_of_one_kind_and_reason_are_one_event_in_their_order() -> None:
    """F44: eight NICs cost one request."""
    added = [Event("Normal", "AddedInterface", f"net{number}") for number in range(8)]
    async with sending(MADE) as (server, queue):
        queue.put(POD, [*added, Event("Warning", "NoNetworkFound", "none"), added[0]])
        whole = "\n".join(event.text for event in added)
        expected = [("AddedInterface", whole), ("NoNetworkFound", "none"), ("AddedInterface", "net0")]
        await becomes(lambda: told(server), expected)


async def test_a_message_is_cut_to_what_the_api_allows_and_not_within_a_character() -> None:
    """1024 bytes, and each of these characters has two."""
    async with sending(MADE) as (server, queue):
        queue.put(POD, [Event("Warning", "Long", "x" + "é" * 600)])
        await becomes(lambda: told(server), [("Long", "x" + "é" * 511)])


async def test_a_text_that_no_utf_8_can_carry_is_sent_without_what_cannot_be_sent() -> None:
    async with sending(MADE) as (server, queue):
        queue.put(POD, [Event("Warning", "Odd", "a\ud800b")])
        await becomes(lambda: told(server), [("Odd", "a?b")])


@pytest.mark.parametrize("name", ["a", "a" * 253, "a" * 229 + "-" + "b" * 23, "a" * 228 + "-.b" + "c" * 20])
async def test_an_event_has_a_name_the_api_takes(name: str) -> None:
    async with sending(MADE) as (server, queue):
        queue.put(PodReference("ns", name, "uid"), [Event("Normal", "R", "t")] * 2)
        await becomes(lambda: len(server.seen), 1)
        made = server.seen[0].body["metadata"]["name"]
    assert SUBDOMAIN.fullmatch(made)
    assert len(made) <= 253


async def test_two_events_never_have_the_same_name() -> None:
    async with sending(MADE) as (server, queue):
        for _ in range(2):
            queue.put(POD, [Event("Normal", "R", "t")])
        await becomes(lambda: len({seen.body["metadata"]["name"] for seen in server.seen}), 2)


@pytest.mark.parametrize("passing", [Break(), status(503), status(429, Retry_After="0")])
async def test_an_event_that_fails_in_passing_is_sent_again_under_its_name(passing: Answer) -> None:
    async with sending(passing, status(409, "AlreadyExists"), MADE) as (server, queue):
        queue.put(POD, [Event("Normal", "R", "first")])
        queue.put(POD, [Event("Normal", "R", "second")])
        await becomes(lambda: told(server), [("R", "first"), ("R", "first"), ("R", "second")])
        first, again, _ = server.seen
        assert first.body == again.body


@pytest.mark.parametrize("refusal", [status(403, "Forbidden"), status(404, "NotFound"), status(422, "Invalid")])
async def test_an_event_that_is_refused_is_dropped(refusal: Answer) -> None:
    """The namespace may be gone already."""
    async with sending(refusal, MADE) as (server, queue):
        queue.put(POD, [Event("Normal", "R", "first")])
        queue.put(POD, [Event("Normal", "R", "second")])
        await becomes(lambda: told(server), [("R", "first"), ("R", "second")])


async def test_an_event_without_an_answer_does_not_hold_up_the_next_for_ever() -> None:
    async with sending(Silence(), MADE, timeout=0.3) as (server, queue):
        queue.put(POD, [Event("Normal", "R", "first")])
        queue.put(POD, [Event("Normal", "R", "second")])
        await becomes(lambda: told(server), [("R", "first"), ("R", "second")])


async def test_without_an_identity_for_a_while_later_events_are_sent(tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with sending(MADE, timeout=0.2, token_file=token) as (server, queue):
        queue.put(POD, [Event("Normal", "R", "first")])
        await asyncio.sleep(0.5)
        token.write_text("secret")
        queue.put(POD, [Event("Normal", "R", "second")])
        await becomes(lambda: ("R", "second") in told(server), True)


async def test_more_events_than_may_wait_cost_the_oldest() -> None:
    """Memory is bounded while the API server is away: a thousand wait."""
    async with serving(MADE) as server, client(server) as api:
        queue = EventQueue(api, "node-1")
        for number in range(1005):
            queue.put(POD, [Event("Normal", "R", str(number))])
        task = asyncio.create_task(queue.run())
        await becomes(lambda: len(server.seen), 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [text for _, text in told(server)] == [str(number) for number in range(5, 1005)]
