"""The account of a request: its steps, wherever they happen; and those of requests to the API server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from plurimus.adapters import account, spans
from plurimus.adapters.account import Account, plugin, step, waited
from plurimus.adapters.apiaccount import Answers, Asked, resource
from plurimus.cni.errors import AttachmentError
from plurimus.core import measured

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def _kept() -> Account:
    mine = Account("/cni")
    account.open_for(mine)
    return mine


async def test_steps_that_happen_several_times_add_up_also_in_tasks_of_the_request() -> None:
    mine = await _kept()
    mine.about({"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "a"})
    before = measured.STEP.count("ADD", "cache")

    async def cache() -> None:
        with step("cache"):
            await asyncio.sleep(0.01)

    await asyncio.gather(cache(), cache())
    assert measured.STEP.count("ADD", "cache") == before + 2
    assert set(mine.steps) == {"cache"}
    assert mine.steps["cache"] >= 0.02


async def test_a_step_that_fails_counts() -> None:
    mine = await _kept()
    with pytest.raises(ZeroDivisionError), step("record"):
        raise ZeroDivisionError
    assert set(mine.steps) == {"record"}


async def test_outside_of_a_request_a_step_does_nothing() -> None:
    before = measured.STEP.count("other", "record")
    with step("record"):
        account.note(interfaces=["net1"])
    assert measured.STEP.count("other", "record") == before


async def test_a_verb_that_is_none_is_no_label() -> None:
    mine = await _kept()
    mine.about({"CNI_COMMAND": "ADD-1234"})
    assert (mine.verb, mine.fields["verb"]) == ("other", "ADD-1234")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, "ok"), (AttachmentError("no"), "error"), (asyncio.CancelledError(), "cancelled")],
    ids=["ok", "error", "cancelled"],
)
async def test_calls_of_plugins_count_by_their_outcome(error: BaseException | None, outcome: str) -> None:
    labels = ("macvlan", "driver", "ADD", outcome)
    before = measured.PLUGINS.count(*labels)
    with suppress(AttachmentError, asyncio.CancelledError), plugin("macvlan", "driver", "ADD", "net1"):
        if error is not None:
            raise error
    assert measured.PLUGINS.count(*labels) == before + 1


async def test_who_waits_is_seen_and_one_who_gives_up_no_more() -> None:
    lock = asyncio.Lock()
    before = measured.REQUESTS_WAITING.value()

    async def enter() -> None:
        async with waited(lock):
            assert lock.locked()

    async with lock:
        entering = [asyncio.create_task(enter()) for _ in range(2)]
        await asyncio.sleep(0)
        assert measured.REQUESTS_WAITING.value() == before + 2
        entering[0].cancel()
        await asyncio.wait(entering[:1])
        assert measured.REQUESTS_WAITING.value() == before + 1
    await entering[1]
    assert measured.REQUESTS_WAITING.value() == before
    assert not lock.locked()


async def test_a_trace_is_handed_on_as_it_came_and_nothing_made_of_none() -> None:
    mine = await _kept()
    for given, handed in (
        ({"TRACEPARENT": PARENT, "TRACESTATE": "a=1"}, {"TRACEPARENT": PARENT, "TRACESTATE": "a=1"}),
        ({"TRACEPARENT": "nonsense", "TRACESTATE": "a=1"}, {}),
        ({}, {}),
    ):
        mine.about({"CNI_COMMAND": "ADD", **given})
        with step("attach_others"):
            assert spans.environment() == handed


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/api/v1/namespaces/default/pods/web-0", "pods"),
        ("/api/v1/namespaces/default/pods/web-0/status", "pods/status"),
        ("/api/v1/pods", "pods"),
        ("/api/v1/namespaces/blue", "namespaces"),
        ("/api/v1/namespaces/default/events", "events"),
        ("/apis/k8s.cni.cncf.io/v1/network-attachment-definitions", "network-attachment-definitions"),
        ("/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools/10.0.0.0-24", "ippools"),
        ("/api/v1/namespaces/a/serviceaccounts/b/token", "serviceaccounts/token"),
        ("/version", "other"),
        ("/api", "other"),
        ("", "other"),
    ],
)
def test_the_resource_of_a_request_names_no_object(path: str, found: str) -> None:
    assert resource(path) == found


@pytest.mark.parametrize(("status", "label"), [(200, "2xx"), (404, "4xx"), (503, "5xx"), (0, "none")])
def test_requests_to_the_api_server_count_by_how_the_answer_began(status: int, label: str) -> None:
    labels: tuple[Any, ...] = ("GET", "pods", label)
    before = measured.API_REQUESTS.count(*labels)
    with Asked("GET", "/api/v1/namespaces/default/pods/a", Answers()) as asked:
        asked.status = status
    assert measured.API_REQUESTS.count(*labels) == before + 1
