"""A node's own certificate: who may have one, and when it is renewed.

Spec section 7.8.
"""

from __future__ import annotations

import re

from plurimus.cni.errors import ConfigError
from plurimus.model.signing import GROUP, USAGES, Certificate, SigningRequest, user

SHORTEST, LONGEST = 600, 365 * 24 * 3600
"""Seconds a certificate may be valid: the API's least, the approver's most."""
_RENEWED = (0.7, 0.8)
"""The parts of a certificate's life between which it is renewed."""
_GROUPS = {"system:nodes", GROUP, "system:authenticated"}
_NODES = ("system:node", GROUP)
"""In front of a node's name, its kubelet's user and its daemon's."""
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NODE = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)")


def concerns(request: SigningRequest) -> bool:
    """Whether the request is one the approver decides about, by approval or denial; it leaves all others alone."""
    return any(name.startswith(GROUP) for name in request.subject.names)


def refusal(request: SigningRequest) -> str:
    """Why the request must not be approved, for whoever made it; empty where nothing is wrong.

    A node's kubelet, or its daemon by the certificate it has, asks for that node's daemon, and for no more.
    """
    node = _node(request.username)
    if node is None:
        return (
            f"user {request.username!r} may not ask: expected a kubelet's user, system:node:<node>, "
            f"or a daemon's, {user('<node>')}"
        )
    return next((text for text in (_identity(request, node), _scope(request)) if text), "")


def _node(username: str) -> str | None:
    """The node whose kubelet or daemon the user is."""
    prefix, _, node = username.rpartition(":")
    known = prefix in _NODES and len(node) <= 253 and _NODE.fullmatch(node)
    return node if known else None


def _identity(request: SigningRequest, node: str) -> str:
    subject = request.subject
    foreign = sorted(set(request.groups) - _GROUPS)
    if foreign:
        return (
            f"user {request.username!r} is also in group {foreign[0]!r}, expected none but {', '.join(sorted(_GROUPS))}"
        )
    if subject.names != (user(node),):
        return f"the common name is {', '.join(subject.names)!r}, expected {user(node)!r}, of the user's own node"
    if subject.organizations != (GROUP,):
        return f"the organization is {', '.join(subject.organizations)!r}, expected {GROUP!r} alone"
    if subject.others:
        return f"it asks for more than a common name and an organization: {', '.join(subject.others)}"
    return ""


def _scope(request: SigningRequest) -> str:
    if sorted(request.usages) != sorted(USAGES):
        return f"the usages are {', '.join(request.usages)!r}, expected {', '.join(USAGES)!r}"
    if request.seconds is None or not 0 < request.seconds <= LONGEST:
        return f"expirationSeconds is {request.seconds or 'not set'}, expected at most {LONGEST}, a year"
    return ""


def renewal(certificate: Certificate, chance: float) -> float:
    """When to renew, in seconds since 1970; `chance`, 0 to 1, keeps the nodes of a cluster apart."""
    first, last = _RENEWED
    return certificate.begins + (certificate.ends - certificate.begins) * (first + (last - first) * chance)


def seconds(duration: str) -> int:
    """A `certDuration`, written as Go writes durations (`10m`, `1h30m`), in whole seconds.

    Raises:
        ConfigError: it is none, or out of bounds.
    """
    parts = _PART.findall(duration)
    found = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != duration or not SHORTEST <= found <= LONGEST:
        raise ConfigError(
            f"'perNodeCertificate.certDuration' is {duration!r}, expected a duration like 10m or 1h30m, "
            f"from {SHORTEST // 60}m to {LONGEST // 3600}h"
        )
    return int(found)
