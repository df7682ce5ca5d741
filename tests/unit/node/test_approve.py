"""The approver and an API server that does not always take what it decides."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access
from plurimus.model.signing import GROUP, USAGES, Subject, user
from plurimus.node.approve import Approver
from tests.patience import until


def asked(name: str, *, wants: str = "", by: str = "node-1", **status: Any) -> dict[str, Any]:
    """A request as the API server has it; what is signed is the name it is for, and `subject` reads that."""
    spec = {
        "request": base64.b64encode((wants or user(by)).encode()).decode(),
        "username": f"system:node:{by}",
        "groups": ["system:nodes"],
        "usages": list(USAGES),
        "expirationSeconds": 600,
    }
    return {"metadata": {"name": name, "uid": name, "resourceVersion": "7"}, "spec": spec, "status": status}


def subject(request: bytes) -> Subject:
    if request == b"unreadable":
        raise ValueError("no request at all")
    return Subject((request.decode(),), (GROUP,))


class Cluster:
    """An API server with `requests`; a decision is answered with the next of `answers`, then with 200."""

    def __init__(self, *requests: dict[str, Any]) -> None:
        self.requests = list(requests)
        self.answers: list[int] = []
        self.decisions: list[tuple[str, str, str]] = []
        self.patches: list[Any] = []
        self.events: list[dict[str, Any]] = []
        self._over = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "PATCH":
            patch = await request.json()
            (condition,) = patch["status"]["conditions"]
            self.patches.append(patch)
            self.decisions.append((request.path.rpartition("certificatesigningrequests/")[2], condition["type"],
                                   condition["message"]))  # fmt: skip
            return web.json_response({}, status=self.answers.pop(0) if self.answers else 200)
        if request.method == "POST":
            self.events.append(await request.json())
            return web.json_response({}, status=201)
        if "watch" in request.query:
            response = web.StreamResponse()
            await response.prepare(request)
            await self._over.wait()
            return response
        return web.json_response({"metadata": {"resourceVersion": "9"}, "items": self.requests})

    @asynccontextmanager
    async def approved(self) -> AsyncIterator[None]:
        """With an approver."""
        runner = web.ServerRunner(web.Server(self.answer), shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api = ApiServer(Access(f"http://127.0.0.1:{runner.addresses[0][1]}"), timeout=1.0)
        task = asyncio.create_task(Approver(api, subject, again=0.05).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._over.set()
            await api.close()
            await runner.cleanup()


async def test_each_request_of_a_node_is_decided_once_and_told() -> None:
    """F77, S42: by the approval subresource, for the version that was looked at; with an event of its own."""
    cluster = Cluster(asked("good"), asked("bad", wants=user("node-2")))
    async with cluster.approved():
        await until(lambda: len(cluster.events) == 2)
        await asyncio.sleep(0.2)  # they are in the list still, as if the watch were late
    assert [each[:2] for each in cluster.decisions] == [("good/approval", "Approved"), ("bad/approval", "Denied")]
    assert cluster.decisions[1][2].startswith(f"the common name is '{user('node-2')}', expected '{user('node-1')}'")
    assert [patch["metadata"] for patch in cluster.patches] == [{"resourceVersion": "7"}] * 2
    told = [(each["involvedObject"]["name"], each["type"], each["reason"], each["metadata"]["namespace"],
             each["source"]["component"]) for each in cluster.events]  # fmt: skip
    assert told == [
        ("good", "Normal", "CSRApproved", "default", "cert-approver"),
        ("bad", "Warning", "CSRDenied", "default", "cert-approver"),
    ]


async def test_requests_that_are_decided_or_of_others_or_unreadable_are_left_alone() -> None:
    """F77: and those behind them are decided all the same."""
    cluster = Cluster(
        asked("decided", conditions=[{"type": "Denied"}]),
        asked("other", wants="somebody"),
        asked("unreadable", wants="unreadable"),
        asked("good"),
    )
    async with cluster.approved():
        await until(lambda: len(cluster.events) == 1)
    assert [each[0] for each in cluster.decisions] == ["good/approval"]


@pytest.mark.parametrize("code", [403, 422])
async def test_a_decision_the_api_server_does_not_take_is_tried_again(code: int) -> None:
    """F77: rights may be given later."""
    cluster = Cluster(asked("good"))
    cluster.answers = [code, code]
    async with cluster.approved():
        await until(lambda: len(cluster.events) == 1)
    assert [each[1] for each in cluster.decisions] == ["Approved"] * 3


@pytest.mark.parametrize("code", [404, 409])
async def test_a_decision_about_a_request_that_changed_or_went_is_not_insisted_on(code: int) -> None:
    """F77: the watch tells what became of it."""
    cluster = Cluster(asked("gone"), asked("good"))
    cluster.answers = [code]
    async with cluster.approved():
        await until(lambda: len(cluster.events) == 1)
    assert [each[0] for each in cluster.decisions[:2]] == ["gone/approval", "good/approval"]
