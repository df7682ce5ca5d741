"""The IPAM plugin host-local: addresses out of ranges that this node has for itself.

Its files, their content and their lock are the plugin's, so that both can work on one node at the same time.

Beyond the plugin: one lock for all sets of a request, a failed ADD takes back what it gave itself and no more, GC
collects, STATUS looks, and no lease is ever without its owner.

Plugins spec section 14.
"""

from __future__ import annotations

import asyncio
import functools
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

import structlog

from plurimus.adapters import rooted
from plurimus.cni import args, version
from plurimus.cni.errors import AttachmentError, Code, PlurimusError
from plurimus.cni.result import DNS, IPConfig, Result
from plurimus.core import hostlocal, rangesets
from plurimus.core.hostlocal import Request
from plurimus.core.leaks import Held
from plurimus.core.rangesets import Range, RangeSet
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.hostlocal import look, openfolder
from plurimus.drivers.hostlocal.folder import LeaseFolder
from plurimus.drivers.hostlocal.openfolder import OpenFolder
from plurimus.drivers.threads import in_thread, in_turn

_LOCK_TIMEOUT = 60.0
_FOLDERS = 256
_MOST = 1 << 20
"""Bytes of a resolv.conf."""
_log = structlog.get_logger(__name__)


class HostLocal(Driver):
    """The node's files are below `root`; a lock is waited for `timeout` seconds.

    What was read of `folders` networks is known, those that were asked for last.
    """

    keys = ("subnet", "rangeStart", "rangeEnd", "gateway", "ranges", "routes", "dataDir", "resolvConf")
    section = "ipam"

    def __init__(self, root: Path, timeout: float = _LOCK_TIMEOUT, *, folders: int = _FOLDERS) -> None:
        self._root = str(root).rstrip("/")
        self._timeout = timeout
        self._most = folders
        self._folders: dict[str, LeaseFolder] = {}

    @property
    def known_folders(self) -> list[str]:
        """The folders something is known of, the one asked for last at the end."""
        return list(self._folders)

    async def add(self, call: Call) -> Result:
        asked, folder, lease = _request(call), self._folder(call), _lease(call)
        given: list[str] = []

        def work() -> tuple[DNS, list[IPConfig]]:
            dns = self._nameservers(asked.resolv_conf)
            with openfolder.made(folder) as opened:
                return dns, _allocate(opened, asked, lease, given)

        async with folder.turn:
            try:
                dns, ips = await in_turn(work)
            except asyncio.CancelledError as error:
                await _undo(folder, lease[0], given, error)
                raise
        return Result(version.CURRENT, (), tuple(ips), asked.routes, dns)

    async def delete(self, call: Call) -> None:
        folder, lease = self._folder(call), _lease(call)

        def work() -> None:
            with openfolder.existing(folder) as opened:
                if opened is not None:
                    owned = _owned(opened, lease)
                    opened.remove(owned)
                    _refuse_unread(opened, owned, call)

        async with folder.turn:
            await in_turn(work)

    async def check(self, call: Call) -> None:
        _request(call)
        folder, lease = self._folder(call), _lease(call)

        def work() -> list[str]:
            with openfolder.existing(folder) as opened:
                owned = [] if opened is None else _owned(opened, lease)
                if opened is not None:
                    _refuse_unread(opened, owned, call)
                return owned

        async with folder.turn:
            owned = await in_thread(work)
        if not owned:
            raise AttachmentError(f"host-local: Failed to find address added by container {call.container_id}")

    async def status(self, call: Call) -> None:
        """A set without free addresses is no error: the node stays ready for what it has, and pods that end free some.

        Runtimes take an error for a node that is not ready, whose pods are then moved elsewhere.
        """
        asked, folder = _request(call), self._folder(call)

        def work() -> None:
            self._nameservers(asked.resolv_conf)
            where = Path(folder.where())
            nearest = next(each for each in (where, *where.parents) if os.path.lexists(each))
            if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
                raise AttachmentError(
                    f"leases of network {call.network!r} are kept in {where}, but {nearest} is no folder that can be "
                    "written to; mend it, or name another in 'dataDir'",
                    code=Code.PLUGIN_NOT_AVAILABLE,
                )

        await in_thread(work)

    async def collect(self, call: Call) -> None:
        valid, folder = call.valid_attachments(), self._folder(call)
        if valid is None:
            return

        def work() -> None:
            with openfolder.existing(folder) as opened:
                if opened is None:
                    return
                leases = {name: content for name, content in opened.leases().items() if rangesets.number(name)}
                opened.remove(name for name, content in leases.items() if hostlocal.is_stale(content, valid))
                empty = sorted(name for name, content in leases.items() if not content)
                if empty:
                    _log.warning("files name no owner: remove them, unless their addresses are to be kept free",
                                 folder=folder.where(), addresses=empty)  # fmt: skip
                opened.refuse_unread()

        async with folder.turn:
            await in_thread(work)

    async def held(self, call: Call, odd: list[PlurimusError]) -> list[Held]:
        where = self._folder(call).where()
        return await in_thread(lambda: look.leases(where, odd))

    def _folder(self, call: Call) -> LeaseFolder:
        """Where the network's leases are.

        Raises:
            ConfigError: its name or its `dataDir` lead nowhere.
        """
        path = _path(hostlocal.data_dir(call.conf), call.network)
        folder = self._folders.pop(path, None) or LeaseFolder(self._root, path, self._timeout)
        self._folders[path] = folder
        if len(self._folders) > self._most:  # one that is in use is locked all the same
            del self._folders[next(iter(self._folders))]
        return folder

    def _nameservers(self, resolv_conf: str) -> DNS:
        if not resolv_conf:
            return DNS()
        try:
            return hostlocal.nameservers(rooted.read(self._root, resolv_conf, _MOST).decode(errors="replace"))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise AttachmentError(f"open {resolv_conf}: {reason}") from error


@functools.lru_cache(maxsize=_FOLDERS)
def _path(data_dir: str, network: str) -> str:
    """The folder of a network's leases."""
    return posixpath.join(posixpath.normpath(data_dir), hostlocal.check_network(network))


def _request(call: Call) -> Request:
    return hostlocal.request(call.settings(hostlocal.Conf), call.args, str(call.conf.get("cniVersion") or ""))


def _lease(call: Call) -> tuple[bytes, bytes]:
    """What is in a lease of the attachment, and in one of a release that did not write the interface.

    Raises:
        RequestError: code 4; no attachment is called like this.
    """
    container_id = args.check_container_id(call.container_id)
    return hostlocal.lease(container_id, args.check_ifname(call.ifname)), container_id.encode()


def _owned(opened: OpenFolder, lease: tuple[bytes, bytes]) -> list[str]:
    """The files of an attachment; those without an interface count where there are no others."""
    return opened.owned(lease[0]) or opened.owned(lease[1])


def _refuse_unread(opened: OpenFolder, owned: list[str], call: Call) -> None:
    """Where an attachment has fewer leases than its ADD gave, those that cannot be read may be its.

    Raises:
        AttachmentError: code 5, with the path of one.
    """
    if opened.has_unread and len(owned) < _number(call):
        opened.refuse_unread()


def _number(call: Call) -> int:
    """How many leases an attachment has: one for each set, and one where the sets cannot be read by now."""
    try:
        return len(_request(call).sets)
    except PlurimusError:
        return 1


def _allocate(opened: OpenFolder, asked: Request, lease: tuple[bytes, bytes], given: list[str]) -> list[IPConfig]:
    """An address of each set; what is `given` is taken back on failure, and nothing else.

    Raises:
        AttachmentError: code 999; which set has none, or which address cannot be had.
    """
    try:
        return list(_each(opened, asked, lease, given))
    except BaseException as error:
        try:
            opened.remove(given)
        except OSError as failure:
            error.add_note(f"while undoing: {failure}")
        given.clear()
        raise


def _each(opened: OpenFolder, asked: Request, lease: tuple[bytes, bytes], given: list[str]) -> Iterator[IPConfig]:
    wanted = list(asked.wanted)
    for at, ranges in enumerate(asked.sets):
        try:
            address, range_ = _one(opened, ranges, at, lease, wanted)
        except AttachmentError as error:
            raise error.about(f"failed to allocate for range {at}: ") from None
        given.append(address)
        opened.note_last(at, address)
        yield IPConfig(f"{address}/{range_.length}", gateway=range_.gateway)
    if wanted:
        raise AttachmentError(f"failed to allocate all requested IPs: {' '.join(wanted)}")


def _one(
    opened: OpenFolder, ranges: RangeSet, at: int, lease: tuple[bytes, bytes], wanted: list[str]
) -> tuple[str, Range]:
    """The first of the `wanted` addresses that is in the set, which is then wanted no more; else the next free one."""
    for address in wanted:
        range_ = ranges.find(address)
        if range_ is not None:
            wanted.remove(address)
            return _that_one(opened, ranges, (address, range_), lease[0])
    for address in _addresses(opened, lease):
        if ranges.find(address) is not None:
            container_id = lease[1].decode()
            raise AttachmentError(
                f"{address} has been allocated to {container_id}, duplicate allocation is not allowed"
            )
    taken = opened.take(ranges.candidates(opened.last(at)), lease[0])
    if taken is None:
        raise AttachmentError(f"no IP addresses available in range set: {ranges}")
    return taken


def _that_one(opened: OpenFolder, ranges: RangeSet, wanted: tuple[str, Range], content: bytes) -> tuple[str, Range]:
    address, range_ = wanted
    if address == range_.gateway:
        raise AttachmentError(f"requested ip {address} is subnet's gateway")
    taken = opened.take([wanted], content)
    if taken is None:
        raise AttachmentError(f"requested IP address {address} is not available in range set {ranges}")
    return taken


def _addresses(opened: OpenFolder, lease: tuple[bytes, bytes]) -> Iterator[str]:
    """What an attachment has already, in its one spelling."""
    for content in lease:
        yield from opened.owned(content)


async def _undo(folder: LeaseFolder, lease: bytes, given: list[str], error: BaseException) -> None:
    """Take back what an ADD gave that nobody waits for any more; others may have been at the folder meanwhile."""

    def work() -> None:
        with openfolder.existing(folder) as opened:
            if opened is not None:
                opened.remove(set(given) & set(opened.owned(lease)))

    if not given:
        return
    try:
        await in_thread(work)
    except PlurimusError as failure:
        error.add_note(f"while undoing: {failure}")
