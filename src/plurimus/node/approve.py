"""The approver: decides about certificate signing requests of nodes' daemons, for a whole cluster.

What may be approved is `core.certificates`' to say; requests of others it leaves alone.  More than one may run: the API
server takes the first decision.

Spec section 7.8 (F77).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from plurimus.adapters import signing
from plurimus.adapters.apiserver import ApiError, ApiServer
from plurimus.adapters.eventqueue import EventQueue
from plurimus.cni.errors import PlurimusError
from plurimus.core import certificates
from plurimus.model.event import Event
from plurimus.model.signing import SigningRequest, Subject

COMPONENT = "cert-approver"
"""The source of its events (spec section 7.8)."""
_AGAIN = 10.0
_log = structlog.get_logger(__name__)


class Approver:
    """Decides about the requests at `api`; `subject` reads one, and raises a ValueError where that is impossible.

    `again` is after how many seconds a decision that was not taken is tried again.
    """

    def __init__(self, api: ApiServer, subject: Callable[[bytes], Subject], *, again: float = _AGAIN) -> None:
        self._api = api
        self._subject = subject
        self._again = again
        self._requests = signing.undecided(api)
        self._events = EventQueue(api, "", COMPONENT)
        self._done: set[str] = set()

    async def run(self) -> None:
        """Decide until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._requests.run(), self._events.run(), self._run()):
                group.create_task(work)

    async def _run(self) -> None:
        while True:
            waiting = self._requests.held()
            self._done &= {request.metadata.uid for request in waiting}
            left = [request for request in waiting if not await self._decide(request)]
            try:
                async with asyncio.timeout(self._again if left else None):
                    await self._requests.changed.wait()
            except TimeoutError:
                continue
            self._requests.changed.clear()

    async def _decide(self, request: signing.Request) -> bool:
        """Whether nothing is left to do about it."""
        if request.metadata.uid in self._done:
            return True
        asked = self._asked(request)
        if asked is not None and certificates.concerns(asked):
            condition, event = _decision(asked, certificates.refusal(asked))
            try:
                await signing.decide(self._api, request, condition)
            except PlurimusError as error:
                gone = isinstance(error, ApiError) and error.status in (404, 409)
                if not gone:
                    _log.warning("a request is not decided", request=request.metadata.name, error=str(error))
                return gone
            _log.info(condition.type.lower(), request=request.metadata.name, user=asked.username, why=condition.message)
            self._events.put_about(_reference(request), [event])
        self._done.add(request.metadata.uid)
        return True

    def _asked(self, request: signing.Request) -> SigningRequest | None:
        """None where nobody can read it; the API server takes none of that kind."""
        spec = request.spec
        try:
            subject = self._subject(spec.request)
        except ValueError as error:
            _log.warning("a request cannot be read", request=request.metadata.name, error=str(error))
            return None
        return SigningRequest(subject, spec.username, spec.groups, spec.usages, spec.expiration_seconds)


def _decision(asked: SigningRequest, refusal: str) -> tuple[signing.Condition, Event]:
    if refusal:
        return signing.Condition("Denied", "CSRDenied", refusal), Event("Warning", "CSRDenied", refusal)
    text = f"it is for the daemon of a node, {', '.join(asked.subject.names)}, and that node asked"
    return signing.Condition("Approved", "AutoApproved", text), Event("Normal", "CSRApproved", text)


def _reference(request: signing.Request) -> dict[str, str]:
    kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    return {**kind, "name": request.metadata.name, "uid": request.metadata.uid}
