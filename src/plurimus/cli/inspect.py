"""What a network namespace holds: interfaces, addresses, routes."""

from __future__ import annotations

from typing import Any

from plurimus.adapters.netlink import Netlink
from plurimus.cli import output

View = dict[str, list[dict[str, Any]]]


def describe(path: str) -> View:
    """The interfaces (loopback left out) and routes of the namespace at `path`."""
    with Netlink.open(path) as netlink:
        links = [link for link in netlink.links() if link.name != "lo"]
        addresses = netlink.addresses()
        routes = netlink.routes()
    names = {link.index: link.name for link in links}
    return {
        "interfaces": [
            {
                "interface": link.name,
                "kind": link.kind or "",
                "state": "up" if link.is_up else "down",
                "mac": link.mac or "",
                "mtu": link.mtu,
                "addresses": [
                    str(a.address) for a in addresses if a.index == link.index and not a.address.is_link_local
                ],
            }
            for link in sorted(links, key=lambda link: _by_number(link.name))
        ],
        "routes": [
            {
                "destination": str(route.dst) if route.dst is not None and route.dst.prefixlen else "default",
                "gateway": str(route.gateway) if route.gateway else "",
                "interface": names[route.oif],
            }
            for route in routes
            if route.oif in names and not (route.dst and (route.dst.is_link_local or route.dst.is_multicast))
        ],
    }


def _by_number(name: str) -> tuple[str, int]:
    """net2 comes before net10, whichever was made first."""
    word = name.rstrip("0123456789")
    return word, int(name[len(word) :] or 0)


def text(view: View) -> str:
    """The view as two tables."""
    interfaces = output.table(view["interfaces"], ["interface", "kind", "state", "mac", "mtu", "addresses"])
    routes = output.table(view["routes"], ["destination", "gateway", "interface"])
    return f"{interfaces}\n{routes}"
