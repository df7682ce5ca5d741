"""Pods that run without an interface they asked for, and that nobody would hear of otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from plurimus.cni import gojson
from plurimus.core.plan import PodReference

KINDS = NO_RECORD, NO_INTERFACE, NO_STATUS = "no record", "no interface", "no status"


class Silent(msgspec.Struct, frozen=True, rename="camel"):
    """One thing a running pod lacks; `kind` says where it is missing, `text` says so to people."""

    pod: str
    uid: str
    interface: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Attached:
    """What a record says of one attachment: the interfaces its plugins made, and those of them that are there."""

    network: str
    made: Collection[str]
    there: Collection[str]


class _Element(msgspec.Struct, frozen=True):
    interface: str = ""


def unserved(pod: PodReference) -> Silent:
    """A pod that asked for networks and runs, and has no record."""
    text = "the pod asks for networks and runs, but none was ever attached to it here: nothing is on record of it"
    return Silent(f"{pod.namespace}/{pod.name}", pod.uid, "", NO_RECORD, text)


def lacking(pod: PodReference, attached: Mapping[str, Attached], status: str) -> list[Silent]:
    """What a recorded pod lacks; `status` is its network status, `attached` has the attachments by interface."""
    told, found = told_interfaces(status), []
    for ifname, each in attached.items():
        gone = [name for name in each.made if name not in each.there]
        if gone:
            text = f"interface {', '.join(gone)} of network {each.network} is on record, but not in the pod any more"
            found.append(Silent(f"{pod.namespace}/{pod.name}", pod.uid, ifname, NO_INTERFACE, text))
        elif each.made and told is not None and not told.intersection(each.made):
            text = f"interface {ifname} of network {each.network} is in the pod, but not in its network status"
            found.append(Silent(f"{pod.namespace}/{pod.name}", pod.uid, ifname, NO_STATUS, text))
    return found


def told_interfaces(status: str) -> set[str] | None:
    """The interfaces of a network status; None for one that cannot be read, which somebody else wrote."""
    try:
        elements = gojson.convert(gojson.decode(status.encode() or b"[]"), list[_Element])
    except ValueError:
        return None
    return {element.interface for element in elements}
