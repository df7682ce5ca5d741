"""Certificate signing requests at the API server: made by a daemon, decided by the approver.

A decision goes to the approval subresource, for there alone the API server takes it (S42), and only for the very
version of the request that was decided about.

Kubernetes: "Certificates and Certificate Signing Requests"; spec section 7.8.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.informer import Informer, Metadata
from plurimus.cni.errors import ClusterError
from plurimus.model.signing import REQUESTS, SIGNER, USAGES

_FIRST_PAUSE, _MOST_PAUSE = 0.2, 30.0
T = TypeVar("T")

Asking = Callable[[Callable[[ApiServer], Awaitable[T]]], Awaitable[T]]
"""Does a request with an API server, and again with another identity where the first is refused."""


class Denied(ClusterError):
    """The request was decided against: waiting longer does not help."""


class Condition(msgspec.Struct, frozen=True):
    type: str = ""
    reason: str = ""
    message: str = ""


class Spec(msgspec.Struct, frozen=True, rename="camel"):
    request: bytes = b""
    signer_name: str = ""
    expiration_seconds: int | None = None
    usages: tuple[str, ...] = ()
    username: str = ""
    groups: tuple[str, ...] = ()


class Status(msgspec.Struct, frozen=True):
    certificate: bytes = b""
    conditions: tuple[Condition, ...] = ()


class Request(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: Spec = Spec()
    status: Status = Status()


def new_name(node: str) -> str:
    """A name for a request of `node` that nobody else gives."""
    return f"plurimus-{node[:200].rstrip('-.')}-{secrets.token_hex(8)}"


async def create(api: ApiServer, name: str, request: str, *, seconds: int) -> None:
    """Ask for a certificate that is valid for about `seconds`; `request` is PEM."""
    spec = {
        "request": base64.b64encode(request.encode()).decode(),
        "signerName": SIGNER,
        "usages": list(USAGES),
        "expirationSeconds": seconds,
    }
    kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    await api.post(REQUESTS, {**kind, "metadata": {"name": name}, "spec": spec})


async def outcome(ask: Asking[Request | None], name: str, *, within: float) -> str:
    """The certificate, PEM, as soon as it is there.

    Raises:
        Denied: there will be none; the text says why.
        ClusterError: there is none after `within` seconds; the text says what to look at.
    """
    pause, state = _FIRST_PAUSE, ""
    try:
        async with asyncio.timeout(within):
            while True:
                found = await _look(ask, name)
                if isinstance(found, Request) and found.status.certificate:
                    return found.status.certificate.decode(errors="replace")
                state = _state(name, found)
                await asyncio.sleep(pause)
                pause = min(1.5 * pause, _MOST_PAUSE)
    except TimeoutError:
        raise ClusterError(f"certificate signing request {name!r} {state or 'got no answer'}") from None


async def _look(ask: Asking[Request | None], name: str) -> Request | ClusterError | None:
    """The request; None where it is gone.  An API server that is away for a while is an answer like another."""
    try:
        return await ask(lambda api: api.get(f"{REQUESTS}/{name}", Request))
    except ClusterError as error:
        return error


def _state(name: str, found: Request | ClusterError | None) -> str:
    """What a request waits for."""
    if isinstance(found, ClusterError):
        return f"cannot be looked at: {found}"
    if found is None:
        raise Denied(f"certificate signing request {name!r} was removed before anybody signed it")
    conditions = {each.type: each for each in found.status.conditions}
    for kind, what in (("Denied", "was denied"), ("Failed", "could not be signed")):
        if kind in conditions:
            why = conditions[kind]
            raise Denied(f"certificate signing request {name!r} {what}: {why.reason}: {why.message}")
    if "Approved" in conditions:
        return "is approved and not signed: see that kube-controller-manager has --cluster-signing-cert-file"
    return (
        f"waits for approval: see that `plurimus approve` runs in the cluster, or `kubectl certificate approve {name}`"
    )


def undecided(api: ApiServer) -> Informer[Request, Request]:
    """The requests to the signer of daemons' certificates that nobody has decided about yet."""
    selected = {"fieldSelector": f"spec.signerName={SIGNER}"}
    return Informer(api, REQUESTS, Request, lambda found: None if found.status.conditions else found, selected)


async def decide(api: ApiServer, request: Request, condition: Condition) -> None:
    """Add the decision.

    Raises:
        ClusterError: it was not taken; code 409 where the request has changed meanwhile.
    """
    decision = {"type": condition.type, "status": "True", "reason": condition.reason, "message": condition.message}
    metadata = {"resourceVersion": request.metadata.resource_version}
    patch = {"metadata": metadata, "status": {"conditions": [decision]}}
    await api.merge_patch(f"{REQUESTS}/{request.metadata.name}/approval", patch)
