"""Which of what is held on this node no living sandbox owns, by the words of those who know.

Whoever would speak for a thing and does not answer keeps it where it is.  A sandbox on record lives as long as its
namespace is there; the container runtime speaks for all sandboxes it lists, and for the missing ones among IDs as it
makes them; the API server speaks for the pods that whereabouts writes beside its addresses.

Decision 28.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

_RUNTIMES_ID = re.compile(r"[0-9a-f]{64}")
"""How containerd and CRI-O call sandboxes: they do not speak of others on the node, who call theirs otherwise."""
_GONE = "the network namespace of its sandbox is gone"


class Fate(Enum):
    """What is to be done: `LIVES` is in use, `KEPT` may be, `LEAKED` is nobody's."""

    LIVES = "lives"
    KEPT = "kept"
    LEAKED = "leaked"


class Namespace(Enum):
    """What became of a sandbox's network namespace, as far as can be seen from here."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"


class Place(Enum):
    """Where the API server says that a pod is."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOWHERE = "nowhere"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Held:
    """What a store has for one attachment: `what` it is, and `where` that is written.

    `pod` is set, as `namespace/name`, where the API server has a say.  `age` is in seconds, None where the store does
    not tell.  `userspace` is a VF that is no interface.
    """

    kind: str
    what: str
    where: str
    container_id: str
    ifname: str = ""
    namespace: Namespace = Namespace.UNKNOWN
    pod: str = ""
    age: float | None = None
    userspace: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.kind, self.what, self.where, self.container_id


@dataclass(frozen=True, slots=True)
class Words:
    """What is known about the sandboxes of this node.

    `listed` are those of the runtime; None where there is none to ask.  `silent` says why one that is there does not
    tell.  `busy` are those of requests under way, `recorded` those on record, with their namespaces; `pods` says of the
    pods of addresses where they are.
    """

    listed: Collection[str] | None
    silent: str = ""
    busy: Collection[str] = ()
    recorded: Mapping[str, Namespace] = field(default_factory=dict)
    pods: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    fate: Fate
    why: str = ""


def is_runtimes(container_id: str) -> bool:
    """Whether a sandbox is called as those are that container runtimes make by CRI."""
    return _RUNTIMES_ID.fullmatch(container_id) is not None


def judge(held: Held, words: Words, *, grace: float) -> Verdict:
    """What becomes of `held`; what is on no record is `grace` seconds old at least before it counts as leaked."""
    recorded = words.recorded.get(held.container_id)
    if held.container_id in words.busy or recorded is Namespace.THERE:
        return Verdict(Fate.LIVES)
    if words.silent:
        return Verdict(Fate.KEPT, words.silent)
    if held.container_id in (words.listed or ()):
        return Verdict(Fate.LIVES)
    if recorded is Namespace.GONE:
        return Verdict(Fate.LEAKED, _GONE)
    unsaid = _unsaid(held, words)
    if recorded is None:
        unsaid = unsaid or _by_pod(held, words) or _young(held, grace)
    why = _GONE if held.namespace is Namespace.GONE else "the container runtime has no such sandbox"
    return unsaid or Verdict(Fate.LEAKED, why)


def _unsaid(held: Held, words: Words) -> Verdict | None:
    """Why it is not sure that its sandbox is gone, which no record says."""
    if held.namespace is Namespace.GONE:
        return None
    if held.namespace is Namespace.THERE:
        return Verdict(Fate.KEPT, "its sandbox is on no record, but its network namespace is there")
    if words.listed is None:
        return Verdict(Fate.KEPT, "there is no socket of a container runtime to ask, and its namespace is unknown")
    if not is_runtimes(held.container_id):
        return Verdict(Fate.KEPT, "its owner is not called as a container runtime calls sandboxes")
    return None


def _young(held: Held, grace: float) -> Verdict | None:
    if held.age is not None and held.age >= grace:
        return None
    return Verdict(Fate.KEPT, f"it may be of a request that has just begun: it is not known for {grace:g} s yet")


def _by_pod(held: Held, words: Words) -> Verdict | None:
    """What the API server says of an address; None where it is nobody's as far as that goes."""
    if not held.pod:
        return None
    place = words.pods.get(held.pod, Place.UNKNOWN)
    if place is Place.UNKNOWN:
        return Verdict(Fate.KEPT, f"the API server does not tell where pod {held.pod} is")
    return Verdict(Fate.LIVES) if place is Place.HERE else None
