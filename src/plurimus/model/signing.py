"""Certificate signing requests of the Kubernetes API, and what is inside of them and of certificates.

Kubernetes: "Certificates and Certificate Signing Requests"; spec section 7.8.
"""

from __future__ import annotations

import msgspec

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SIGNER = "kubernetes.io/kube-apiserver-client"
USAGES = ("digital signature", "client auth")
GROUP = "system:multus"
"""What the daemons of all nodes are to the API server together; in front of a node's name, what one of them is."""


def user(node: str) -> str:
    """Whom the API server takes the daemon of `node` for."""
    return f"{GROUP}:{node}"


class Subject(msgspec.Struct, frozen=True):
    """Whom a request wants a certificate for.

    `others` are the object identifiers of all else it asks to be certified: further attributes, further names.
    """

    names: tuple[str, ...]
    organizations: tuple[str, ...]
    others: tuple[str, ...] = ()


class SigningRequest(msgspec.Struct, frozen=True):
    """A request as the API server has it: who asks, and what for."""

    subject: Subject
    username: str
    groups: tuple[str, ...]
    usages: tuple[str, ...]
    seconds: int | None
    """How long the certificate shall be valid; None for as long as the signer likes."""


class NewKey(msgspec.Struct, frozen=True):
    """A private key, and a request for a certificate of it; both PEM."""

    key: str
    request: str


class Certificate(msgspec.Struct, frozen=True):
    """Whose certificate it is, and from when to when it is valid, in seconds since 1970."""

    name: str
    begins: float
    ends: float
