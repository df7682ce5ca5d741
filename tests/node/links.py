"""The links of a node in tests: a bridge for pods with a port that stays, and two rails for macvlan."""

from __future__ import annotations

from pathlib import Path

from .snapshot import ip

BRIDGE = "pods0"
RAILS = ("rail0", "rail1")
_VETHS = (f"{BRIDGE}-port", *RAILS)


def make() -> None:
    """Make them, up and without link-local addresses, so that nothing about them changes by itself."""
    ip("link", "add", BRIDGE, "address", "02:00:00:00:00:01", "type", "bridge")
    for link in _VETHS:
        ip("link", "add", link, "type", "veth", "peer", "name", f"{link}-peer")
    ip("link", "set", f"{BRIDGE}-port", "master", BRIDGE)
    ip("addr", "add", "10.244.0.1/24", "dev", BRIDGE)
    for link in (BRIDGE, *_VETHS, *(f"{link}-peer" for link in _VETHS)):
        ip("link", "set", link, "addrgenmode", "none", "up")


def remove() -> None:
    for link in (BRIDGE, *_VETHS):
        ip("link", "delete", link)


def trust_addresses() -> None:
    """Duplicate address detection takes a second or two of every IPv6 address, and is not what tests are about."""
    Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
