"""What Plurimus itself asks of the kernel in a pod's namespace; implements `ports.Kernel`.

Spec sections 3.2 (interface names) and 6.5 (default routes).
"""

from __future__ import annotations

import errno
import functools
import ipaddress
import socket
import struct
from collections.abc import Mapping, Sequence

from plurimus.adapters import files, linkgroups, netns
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.adapters.workers import in_thread
from plurimus.core.routes import RouteChange
from plurimus.wire.rtnetlink import Route

_PRIORITY = {4: 0, 6: 1024}
"""What the kernel makes of a route without a priority."""
_SO_NETNS_COOKIE = 71


class NamespaceKernel:
    """Every call is one visit to the namespace, made by a thread so that the loop goes on."""

    async def look(self, path: str) -> tuple[str, set[str]]:
        return await in_thread(lambda: netns.visit(path, lambda: (_cookie(), _interfaces())))

    async def change_default_routes(self, path: str, changes: Mapping[str, Sequence[RouteChange]]) -> None:
        def change() -> None:
            with Netlink.open(path) as netlink:
                for family in (4, 6):
                    _settle(netlink, family, {name: change for name, made in changes.items() for change in made
                                              if change.family == family})  # fmt: skip

        await in_thread(change)

    async def delete_links(self, path: str, kinds: Mapping[str, str]) -> set[str]:
        def delete() -> set[str]:
            with Netlink.open(path) as netlink:
                return linkgroups.delete(netlink, kinds)

        return await in_thread(delete)

    async def is_own_namespace(self, path: str) -> bool:
        return netns.is_same_namespace(path, "/proc/self/ns/net")

    async def is_leftover(self, path: str) -> bool:
        return netns.is_leftover(path)

    async def is_gone(self, path: str, cookie: str) -> bool:
        if cookie and (not path or cookie.partition("/")[0] != _boot()):
            return True
        return netns.is_gone(path) or await self.is_anothers(path, cookie)

    async def is_anothers(self, path: str, cookie: str) -> bool:
        if not cookie or not path:
            return False
        try:
            return await in_thread(lambda: netns.visit(path, _cookie)) not in ("", cookie)
        except netns.NamespaceError:  # there is none, or its folder cannot be seen
            return False


def _cookie() -> str:
    """The kernel counts namespaces from its start on (5.14); the number of an inode is given away again at once."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
            (cookie,) = struct.unpack("=Q", asked.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8))
        return f"{_boot()}/{cookie}"
    except OSError:
        return ""


@functools.cache
def _boot() -> str:
    return files.read("/proc/sys/kernel/random/boot_id").decode().strip()


def _interfaces() -> set[str]:
    """The names in this thread's namespace; a file costs this look, and the plugin after it, less than a socket."""
    try:
        text = files.read("/proc/thread-self/net/dev").decode(errors="surrogateescape")
    except OSError as error:
        raise NetlinkError("listing interfaces in /proc", error.errno or errno.EIO) from error
    return {line.partition(":")[0].strip() for line in text.splitlines()[2:]}


def _settle(netlink: Netlink, family: int, wanted: Mapping[str, RouteChange]) -> None:
    """Leave on the links of `wanted` exactly the default routes it names.

    The new route is made first, in the place of an old one, so there is no moment without a default
    route; what is left of the old ones goes after that.
    """
    links = {name: link for name in wanted if (link := netlink.link(name)) is not None}
    there = {route.oif for route in netlink.routes(family) if route.is_default}
    new = []
    for name, change in wanted.items():
        if change.gateways and not change.keep and name not in links:
            raise NetlinkError(f"interface {name}", 19, "no plugin made it, so it cannot own the default route")
        if name in links and not (change.keep and links[name].index in there):
            new += [Route(family, None, ipaddress.ip_address(to), links[name].index) for to in change.gateways]
    for route in new:
        netlink.add_route(route, replace=True)
    kept = {(route.gateway, route.oif, _PRIORITY[family]) for route in new}
    indexes = {link.index for name, link in links.items() if not wanted[name].keep}
    for route in netlink.routes(family):
        if route.is_default and route.oif in indexes and (route.gateway, route.oif, route.priority) not in kept:
            netlink.delete_route(route)
