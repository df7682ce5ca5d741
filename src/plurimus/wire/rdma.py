"""RDMA netlink (NLDEV): devices, their ports and the subsystem's mode as values, and the requests about them.

Every function that reads raises WireError, and nothing else, for bytes the kernel would not send.

kernel: include/uapi/rdma/rdma_netlink.h; spec section 8.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from plurimus.wire.netlink import U32, Attributes, WireError, attribute, attributes, number, text

PROTOCOL = 20
"""NETLINK_RDMA."""
_CLIENT = 5 << 10
GET, SET, NEWLINK, DELLINK, PORT_GET, SYS_GET = (_CLIENT + operation for operation in (1, 2, 3, 4, 5, 6))

_DEV_INDEX, _DEV_NAME, _PORT_INDEX = 1, 2, 3
_NODE_GUID, _PORT_STATE, _PORT_PHYS_STATE = 6, 12, 13
_NDEV_INDEX, _NDEV_NAME, _LINK_TYPE = 50, 51, 65
_NETNS_MODE, _PROTOCOL_NAME, _NET_NS_FD = 66, 67, 68

EXCLUSIVE, SHARED = "exclusive", "shared"
STATES = {0: "NOP", 1: "DOWN", 2: "INIT", 3: "ARMED", 4: "ACTIVE", 5: "ACTIVE_DEFER"}
"""The words of sysfs for the states of a port."""
ACTIVE = "ACTIVE"
MOST_NAME = 63
"""Bytes a device's name has at most."""


@dataclass(frozen=True, slots=True)
class Device:
    """An RDMA device; `protocol` is ib, roce, iwarp or usnic, empty from an old kernel."""

    index: int
    name: str
    ports: int = 0
    node_guid: int = 0
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """One port, counted from 1; `netdev` and its index are empty and 0 where that is in another namespace."""

    device: str
    number: int
    state: str = ""
    netdev_index: int = 0
    netdev: str = ""


def of_device(index: int) -> bytes:
    """The payload of a request about the device `index`: GET, DELLINK, and PORT_GET as a dump."""
    return attribute(_DEV_INDEX, U32.pack(index))


def move(index: int, namespace: int) -> bytes:
    """SET: to the network namespace open as the descriptor `namespace`."""
    return of_device(index) + attribute(_NET_NS_FD, U32.pack(namespace))


def rename(index: int, name: str) -> bytes:
    """SET: another name.

    Raises:
        WireError: it is too long.
    """
    return of_device(index) + attribute(_DEV_NAME, _name(name))


def new_link(name: str, kind: str, netdev: str) -> bytes:
    """NEWLINK: a device made of software (`rxe`, `siw`) on the interface `netdev`."""
    link = attribute(_LINK_TYPE, _name(kind)) + attribute(_NDEV_NAME, _name(netdev))
    return attribute(_DEV_NAME, _name(name)) + link


def device(payload: bytes) -> Device:
    """The content of an answer to GET."""
    found = attributes(payload)
    return Device(
        index=_required(found, _DEV_INDEX),
        name=text(found.get(_DEV_NAME, b"")),
        ports=number(found, _PORT_INDEX),
        node_guid=int.from_bytes(found.get(_NODE_GUID, b""), "little"),
        protocol=text(found.get(_PROTOCOL_NAME, b"")),
    )


def port(payload: bytes) -> Port:
    """The content of an answer to PORT_GET."""
    found = attributes(payload)
    state = _octet(found, _PORT_STATE)
    return Port(
        device=text(found.get(_DEV_NAME, b"")),
        number=_required(found, _PORT_INDEX),
        state=STATES.get(state, str(state)),
        netdev_index=number(found, _NDEV_INDEX),
        netdev=text(found.get(_NDEV_NAME, b"")),
    )


def mode(payload: bytes) -> str:
    """The content of an answer to SYS_GET: EXCLUSIVE or SHARED; what does not say is from before there were two."""
    found = attributes(payload)
    return EXCLUSIVE if _NETNS_MODE in found and _octet(found, _NETNS_MODE) == 0 else SHARED


def _required(found: Attributes, kind: int) -> int:
    if kind not in found:
        raise WireError(f"attribute {kind} is missing")
    return number(found, kind)


def _octet(found: Attributes, kind: int) -> int:
    value = found.get(kind, b"\0")
    if len(value) != 1:
        raise WireError(f"attribute {kind} has {len(value)} bytes, expected 1")
    return value[0]


def _name(name: str) -> bytes:
    value = name.encode()
    if not 0 < len(value) <= MOST_NAME or b"\0" in value:
        raise WireError(f"the name {name!r} has {len(value)} bytes, expected 1 to {MOST_NAME}")
    return value + b"\0"
