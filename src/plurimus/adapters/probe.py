"""Questions to the neighbours of an interface in a pod's namespace: who else has this address, and who answers.

Nothing in the namespace is changed, and no neighbour learns anything.  Functions block for as long as they wait.

kernel: packet(7), raw(7), icmp(7).
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.wire import probe

T = TypeVar("T")
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Sender = tuple[Any, ...]
"""As the socket's family has it: of packets the MAC is the fifth, of ICMP the address the first."""
_TRIES = 3
_DATAGRAM = 1 << 16
_BROADCAST = b"\xff" * 6


class _Enough(Exception):
    """All that was waited for is there."""


def others_with(
    namespace: str, ifname: str, mac: str, addresses: Sequence[IPAddress], *, wait: float
) -> dict[IPAddress, set[str]]:
    """The MACs of neighbours that have one of `addresses`, which interface `ifname` has itself under `mac`.

    Each address is asked for three times; `wait` is how many seconds answers may take after each.

    Raises:
        AttachmentError: the interface cannot be asked by.
    """
    own = bytes.fromhex(mac.replace(":", ""))
    found: dict[IPAddress, set[str]] = {}

    def hear(channel: socket.socket, data: bytes, sender: Sender) -> None:
        claimed = probe.advertised(data) if channel is channels.get(probe.ETH_P_IPV6) else _sender(data)
        if claimed is not None and claimed in addresses and sender[4] != own:
            found.setdefault(claimed, set()).add(sender[4].hex(":"))

    def ask() -> None:
        for address in addresses:
            _ask(channels[_kind(address)], ifname, own, address)

    with ExitStack() as stack:
        channels = {
            kind: stack.enter_context(_packets(namespace, ifname, kind)) for kind in {_kind(each) for each in addresses}
        }
        for _ in range(_TRIES):
            _guarded(f"asking for addresses by {ifname}", ask)
            _listen(channels.values(), wait, hear)
    return found


def answers(namespace: str, source: IPAddress, destinations: Iterable[IPAddress], *, wait: float) -> set[IPAddress]:
    """Those of `destinations` that answer an echo request from `source`; `wait` is the seconds after each of three.

    Which interface that leaves by is for the rules of the namespace to decide.

    Raises:
        AttachmentError: the namespace does not have the address.
    """
    silent = {each for each in destinations if each.version == source.version}
    found: set[IPAddress] = set()
    identifier = os.getpid() & 0xFFFF

    def hear(channel: socket.socket, data: bytes, sender: Sender) -> None:
        reply = probe.echo_reply(source.version, data)
        at = ipaddress.ip_address(sender[0].partition("%")[0])
        if reply is not None and reply[0] == identifier and at in silent:
            silent.discard(at)
            found.add(at)
        if not silent:
            raise _Enough

    with _guarded(f"pinging from {source}", lambda: netns.visit(namespace, lambda: _echo(source))) as channel:
        for sequence in range(_TRIES):
            request = probe.echo_request(source.version, identifier, sequence)
            for each in silent:
                with suppress(OSError):  # no route, or nobody there: the kernel knows already
                    channel.sendto(request, (str(each), 0))
            with suppress(_Enough):
                _listen([channel], wait if silent else 0, hear)
    return found


def _sender(data: bytes) -> IPAddress | None:
    sender = probe.arp_sender(data)
    return sender[1] if sender else None


def _kind(address: IPAddress) -> int:
    return probe.ETH_P_ARP if address.version == 4 else probe.ETH_P_IPV6


def _packets(namespace: str, ifname: str, kind: int) -> socket.socket:
    def make() -> socket.socket:
        return _bound(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0), (ifname, kind))

    return _guarded(f"listening on {ifname}", lambda: netns.visit(namespace, make))


def _echo(source: IPAddress) -> socket.socket:
    family, protocol = socket.AF_INET, socket.IPPROTO_ICMP
    if source.version == 6:
        family, protocol = socket.AF_INET6, socket.IPPROTO_ICMPV6
    return _bound(socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol), (str(source), 0))


def _bound(channel: socket.socket, address: tuple[str, int]) -> socket.socket:
    try:
        channel.setblocking(False)
        channel.bind(address)
    except OSError:
        channel.close()
        raise
    return channel


def _ask(channel: socket.socket, ifname: str, own: bytes, address: IPAddress) -> None:
    if isinstance(address, ipaddress.IPv4Address):
        channel.sendto(probe.arp_probe(own, address), (ifname, probe.ETH_P_ARP, 0, 0, _BROADCAST))
    else:
        to = probe.solicited_mac(address)
        channel.sendto(probe.solicitation(address), (ifname, probe.ETH_P_IPV6, 0, 0, to))


def _listen(
    channels: Iterable[socket.socket], wait: float, hear: Callable[[socket.socket, bytes, Sender], None]
) -> None:
    """Hand what arrives within `wait` seconds to `hear`, which may raise `_Enough`."""
    end = time.monotonic() + wait
    while (left := end - time.monotonic()) > 0:
        for channel in select.select(list(channels), [], [], left)[0]:
            try:
                data, sender = channel.recvfrom(_DATAGRAM)
            except OSError:  # the interface went down
                continue
            hear(channel, data, sender)


def _guarded(what: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as error:
        raise AttachmentError(f"{what}: {error.strerror}") from error
