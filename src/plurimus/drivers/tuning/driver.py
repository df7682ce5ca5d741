"""Attributes of an interface that plugins before made, and kernel parameters of its namespace; stands for `tuning`.

A chained plugin.  What the interface was is on disk before it is changed, and DEL makes it that again; parameters stay,
as for the plugin.

Beyond the plugin: see docs/reference/drivers.md.

Plugins spec section 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from plurimus.adapters import linkchanges, links, netns, parameters
from plurimus.adapters.netlink import Netlink, Request
from plurimus.cni import macs
from plurimus.cni.errors import AttachmentError, Code, ConfigError, PlurimusError
from plurimus.cni.result import Result
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.threads import in_thread
from plurimus.drivers.tuning import allowlist, conf
from plurimus.drivers.tuning.backup import Backup
from plurimus.drivers.tuning.conf import ORDER, Attributes, Settings
from plurimus.wire.rtchanges import Change
from plurimus.wire.rtdetails import Details

_ORDER_BACK = ("mtu", "mac", "promisc", "allmulti", "txQLen")
_log = structlog.get_logger(__name__)


class Tuning(Driver):
    """`root` is where the node's files are."""

    keys = conf.KEYS

    def __init__(self, root: Path) -> None:
        self._root = root

    async def add(self, call: Call) -> Result:
        settings = conf.read(call)
        previous = _previous(call)
        if settings.wanted or settings.parameters:
            backup = Backup.of(call, self._root)

            def work() -> None:
                allowlist.check(self._root, settings.keys)
                netns.visit(call.netns, lambda: _tune(call, settings, backup))

            await in_thread(work)
        return _with_mac(previous, call.ifname, str(settings.wanted.get("mac", "")))

    async def delete(self, call: Call) -> None:
        try:
            backup = Backup.of(call, self._root)
        except ConfigError:  # which the ADD refused, too
            return
        try:
            saved = backup.load()
        except AttachmentError as error:
            if error.code != Code.DECODING_FAILURE:
                raise
            _log.warning("nobody knows what an interface was before it was tuned", reason=str(error))
            saved = {}
        if saved is not None:
            await in_thread(lambda: _restore(call, saved))
        backup.remove()  # which may be half of one

    async def check(self, call: Call) -> None:
        settings = conf.read(call)
        _previous(call)
        if settings.wanted or settings.parameters:
            await in_thread(lambda: netns.visit(call.netns, lambda: _check(call.ifname, settings)))

    def link(self, call: Call) -> str | None:
        return ""

    async def status(self, call: Call) -> None:
        settings = conf.read(replace(call, ifname=call.ifname or "lo"))
        allowlist.check(self._root, settings.keys)


def _previous(call: Call) -> Result:
    if call.previous is None:
        raise ConfigError(
            f"network {call.network!r}: Required prevResult missing: 'tuning' changes what the plugins before it made; "
            "put it behind them in 'plugins'"
        )
    return call.previous


def _with_mac(previous: Result, ifname: str, mac: str) -> Result:
    """The result of the plugins before, with the MAC as it is spelled in the configuration."""
    if not mac:
        return previous
    interfaces = tuple(
        msgspec.structs.replace(each, mac=mac) if each.name == ifname else each for each in previous.interfaces
    )
    return msgspec.structs.replace(previous, interfaces=interfaces)


def _tune(call: Call, settings: Settings, backup: Backup) -> None:
    """Do all, or nothing; inside the namespace."""
    before = parameters.exchange(settings.parameters)
    if not settings.wanted:
        return
    try:
        with Netlink.open() as door:
            _change(door, call.ifname, settings.wanted, backup)
    except PlurimusError:
        parameters.restore(before)
        raise


def _change(door: Netlink, ifname: str, wanted: Attributes, backup: Backup) -> None:
    found = _interface(door, ifname)
    mac = str(wanted.get("mac", ""))
    if mac and len(macs.packed(mac)) != len(found.link.mac.split(":")):
        raise ConfigError(f"MAC {mac!r} is of another length than that of {ifname}, which is {found.link.mac!r}")
    present = _present(found, wanted)
    saved = _saved(backup)
    if not present.keys() <= saved.keys():
        backup.save({**present, **saved})
    refused = [error for error in door.batch(_requests(found, wanted, ORDER)) if error is not None]
    if not refused:
        return
    for failure in door.batch(_requests(found, present, _ORDER_BACK)):
        if failure is not None:
            refused[0].add_note(f"while undoing: {failure}")
    if not saved:
        backup.remove()
    raise refused[0]


def _interface(door: Netlink, ifname: str) -> Details:
    found = links.details(door, ifname)
    if found is None:
        raise AttachmentError(f"interface {ifname} is not in the sandbox, so 'tuning' cannot change it")
    return found


def _saved(backup: Backup) -> Attributes:
    """What an ADD before this one saved; one that was killed while it wrote has changed nothing."""
    try:
        return backup.load() or {}
    except AttachmentError as error:
        if error.code != Code.DECODING_FAILURE:
            raise
        return {}


def _present(found: Details, asked: Attributes) -> Attributes:
    """What the interface is, as far as `asked` says something."""
    link = found.link
    now: tuple[str | int, ...] = (link.mac, found.is_promiscuous, link.mtu, found.takes_all_multicast, found.txqlen)
    return {key: value for key, value in zip(ORDER, now, strict=True) if key in asked}


def _requests(found: Details, wanted: Attributes, order: Sequence[str]) -> list[Request]:
    """One for each attribute, so that an error tells which the kernel refuses."""
    link = found.link
    return [
        linkchanges.request(f"setting {key} of {link.name} to {wanted[key]}", link.index, _as_change(key, wanted[key]))
        for key in order
        if key in wanted
    ]


def _as_change(key: str, value: str | int | bool) -> Change:
    if isinstance(value, str):
        return Change(mac=macs.packed(value))
    if isinstance(value, bool):
        return Change(promisc=value) if key == "promisc" else Change(allmulti=value)
    return Change(mtu=value) if key == "mtu" else Change(txqlen=value)


def _restore(call: Call, saved: Attributes) -> None:
    """Make the interface what it was, as far as it is there, and the kernel lets it be."""
    if not call.netns or netns.is_gone(call.netns):
        return
    with Netlink.open(call.netns) as door:
        found = links.details(door, call.ifname)
        if found is None:
            return
        for refused in door.batch(_requests(found, saved, _ORDER_BACK)):
            if refused is not None:  # the interface goes with the next plugin's DEL, which must not wait for this
                _log.warning("an interface does not become what it was", reason=str(refused))


def _check(ifname: str, settings: Settings) -> None:
    for path, value in settings.parameters.items():
        there = parameters.read(path)
        if there.split() != value.split():
            raise AttachmentError(f"{path} is {there!r}, and 'tuning' has set it to {value!r}")
    if not settings.wanted:
        return
    with Netlink.open() as door:
        found = _interface(door, ifname)
    present = _present(found, settings.wanted)
    for key, wanted in settings.wanted.items():
        is_so = macs.packed(str(wanted)).hex(":") == present[key] if key == "mac" else wanted == present[key]
        if not is_so:
            raise AttachmentError(f"interface {ifname} has {key} {present[key]}, and 'tuning' has set it to {wanted}")
