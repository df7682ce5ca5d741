"""Events on a pod: what Plurimus reports there, in the words tools look for.

Spec section 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import msgspec


class Event(msgspec.Struct, frozen=True):
    """`kind` is Normal or Warning."""

    kind: str
    reason: str
    text: str

    @classmethod
    def added(cls, ifname: str, addresses: Iterable[str], network: str) -> Self:
        """An attachment was made; `addresses` carry their prefix lengths (F44)."""
        return cls("Normal", "AddedInterface", f"Add {ifname} [{' '.join(addresses)}] from {network}")

    @classmethod
    def no_network(cls, text: str) -> Self:
        """The pod names a definition that does not exist (F44)."""
        return cls("Warning", "NoNetworkFound", text)

    @classmethod
    def not_removed(cls, text: str) -> Self:
        """An attachment could not be undone after a failure; its DEL will be tried again (S49)."""
        return cls("Warning", "FailedRemovingInterface", text)

    @classmethod
    def missing(cls, text: str) -> Self:
        """The pod runs without an interface it asked for, which the sweep found."""
        return cls("Warning", "InterfaceMissing", f"{text}; delete the pod to have it made anew")
