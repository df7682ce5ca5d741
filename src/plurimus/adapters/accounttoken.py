"""Tokens of this container's service account, asked of the API server by the account itself.

The token that kubelet gives a container is refused soon after its pod is gone.  One that is asked for here lives for
as long as it says, or as the node's own object.

Kubernetes: "Managing Service Accounts" (TokenRequest, bound tokens).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import msgspec

from plurimus.adapters import kubeconfig
from plurimus.adapters.apiserver import ApiError
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.oneshot import OneShotApi
from plurimus.cni.errors import ConfigError

_KIND = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
_NO_SUCH_BINDING = (400, 404, 409, 422)
"""What a server says that binds no tokens to nodes, or whose node is another one by now."""


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    expiration_seconds: int = 0


class _Status(msgspec.Struct, frozen=True):
    token: str


class _Answer(msgspec.Struct, frozen=True):
    status: _Status
    spec: _Spec = _Spec()


class _Named(msgspec.Struct, frozen=True):
    name: str
    uid: str


class _Place(msgspec.Struct, frozen=True):
    node: _Named | None = None


class _Claims(msgspec.Struct, frozen=True):
    sub: str = ""
    place: _Place = msgspec.field(default=_Place(), name="kubernetes.io")


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and for how long the server made it."""

    token: str
    seconds: float


async def issue(access: Access, *, seconds: int, timeout: float) -> Issued:
    """Another token of the service account that `access` has one of.

    Raises:
        ConfigError: the one it has cannot be read.
        ClusterError: the API server gave none; an ApiError where it refused.
    """
    claims = _claims(access)
    namespace, _, name = claims.sub.removeprefix("system:serviceaccount:").partition(":")
    spec: dict[str, Any] = {"expirationSeconds": seconds, "audiences": []}
    node = claims.place.node
    bound = None if node is None else {"kind": "Node", "apiVersion": "v1", "name": node.name, "uid": node.uid}
    server = OneShotApi(access, timeout=timeout)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    try:
        try:
            wanted = spec if bound is None else {**spec, "boundObjectRef": bound}
            answer = await server.ask(path, {**_KIND, "spec": wanted}, _Answer)
        except ApiError as error:
            if bound is None or error.status not in _NO_SUCH_BINDING:
                raise
            answer = await server.ask(path, {**_KIND, "spec": spec}, _Answer)
    finally:
        await server.close()
    return Issued(answer.status.token, answer.spec.expiration_seconds or seconds)


def _claims(access: Access) -> _Claims:
    token = kubeconfig.token(access)
    try:
        _, payload, _ = token.split(".")
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise ConfigError(f"{access.token_file}: no token of a service account: {error}") from error
    if not claims.sub.startswith("system:serviceaccount:") or claims.sub.count(":") != 3:
        raise ConfigError(f"{access.token_file}: a token of {claims.sub!r}, expected one of a service account")
    return claims
