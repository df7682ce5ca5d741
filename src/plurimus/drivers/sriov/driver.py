"""A virtual function of an SR-IOV network card for a pod; stands for `sriov`.

What the VF was is on disk before anything of it is changed, so it can be given back whatever happens meanwhile: by an
ADD that fails, by DEL, which does not succeed before, and by the next ADD for a VF whose pod is gone.

Beyond the plugin: see docs/reference/drivers.md.

RDMA spec section 1.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import structlog

from plurimus.adapters.sysfs import PciFunctions
from plurimus.cni.errors import AttachmentError, Code, PlurimusError, joined
from plurimus.cni.result import Interface, Result
from plurimus.core.leaks import Held, Namespace
from plurimus.drivers import addressing
from plurimus.drivers.announce import announce
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.sriov import check, conf
from plurimus.drivers.sriov.conf import Settings
from plurimus.drivers.sriov.find import Finder, Function
from plurimus.drivers.sriov.links import KernelLinks, Links
from plurimus.drivers.sriov.move import Missing, Mover
from plurimus.drivers.sriov.saved import Saved
from plurimus.drivers.sriov.state import StateFiles
from plurimus.drivers.threads import in_thread

_TRIES, _PAUSE = 50, 0.1
_NO_MAC = "00:00:00:00:00:00"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the pod has; `is_link` is False for a VF that only a program in the pod can use."""

    interface: Interface
    is_link: bool


class Sriov(Driver):
    """`root` is where the node's files are; `links` is its kernel.

    A VF whose namespace ended is looked for `tries` times, `pause` seconds apart, before its driver makes it anew.
    """

    def __init__(
        self,
        root: Path,
        ipam: Ipam,
        *,
        links: Links | None = None,
        files: StateFiles | None = None,
        tries: int = _TRIES,
        pause: float = _PAUSE,
    ) -> None:
        self._ipam = ipam
        self._pci = PciFunctions(root)
        self._links = links or KernelLinks(root, self._pci)
        self._files = files or StateFiles(root)
        self._finder = Finder(self._pci, self._links)
        self._mover = Mover(self._finder, self._links, pause=pause)
        self._tries = tries
        self._pause = pause

    async def add(self, call: Call) -> Result:
        settings = conf.read(call)
        if self._files.load(call.container_id, call.ifname) is not None:
            await self.delete(call)  # an ADD that was not followed by its DEL
        given = None
        try:
            taken = await self._take(call, settings)
            given = await self._ipam.add(call)
            result = _result(call, taken.interface, given)
            if result.ips and taken.is_link:
                await addressing.configure(call.netns, call.ifname, result)
                await announce(call.netns, call.ifname, taken.interface.mac, result)
        except Exception as error:
            await self._undo(call, error, addresses=given is not None)
            raise
        return result

    async def delete(self, call: Call) -> None:
        saved = self._files.load(call.container_id, call.ifname)
        if saved is not None:
            await self._release(saved, call.netns)
        else:  # half of a file, perhaps
            await in_thread(lambda: self._files.forget((call.container_id, call.ifname)))
        # only now, since nobody may get an address that an interface in a pod still has
        await self._ipam.delete(call)

    async def check(self, call: Call) -> None:
        settings = conf.read(call)
        saved = self._files.load(call.container_id, call.ifname)
        if saved is None:
            raise AttachmentError(f"no VF is recorded for interface {call.ifname} of {call.container_id}")
        await in_thread(lambda: check.check(self._finder, saved, settings, call))
        if call.previous is not None and not saved.userspace:
            await addressing.check(call.netns, call.ifname, call.previous)
        await self._ipam.check(call)

    async def collect(self, call: Call) -> None:
        alive = call.valid_attachments()
        if alive is None:
            return
        failures: list[PlurimusError] = []
        for saved in await in_thread(lambda: self._files.all(failures)):
            if saved.network == call.network and saved.owner not in alive:
                one = replace(call, command="DEL", container_id=saved.container_id, ifname=saved.ifname,
                              netns=saved.netns)  # fmt: skip
                try:
                    await self.delete(one)
                except PlurimusError as error:  # the others are no less to be given back
                    failures.append(error.about(f"VF {saved.device} of {saved.container_id}: "))
        if failures:
            raise joined(failures)

    async def held(self, call: Call, odd: list[PlurimusError]) -> list[Held]:
        """The VFs of all networks: their files are for the node."""
        return await in_thread(lambda: list(self._look(odd)))

    def _look(self, odd: list[PlurimusError]) -> Iterator[Held]:
        for saved in self._files.all(odd):
            try:
                yield self._held(saved)
            except PlurimusError as error:
                odd.append(error)

    def _held(self, saved: Saved) -> Held:
        path = saved.netns or self._files.allocated(saved.device)
        namespace = Namespace.UNKNOWN
        if path and self._links.is_gone(path):
            namespace = Namespace.GONE
        elif path and (present := self._links.identity(path)) is not None:
            same = saved.identity is None or present == saved.identity
            namespace = Namespace.THERE if same else Namespace.GONE
        return Held("VF", saved.device, saved.network, saved.container_id, saved.ifname, namespace,
                    age=self._files.age(saved.owner), userspace=saved.userspace)  # fmt: skip

    async def _take(self, call: Call, settings: Settings) -> _Taken:
        """The VF as the pod's, and on disk as such.  Held meanwhile, and not longer: IPAM may take its time."""
        async with self._files.hold(settings.device):
            await self._reclaim(settings.device, call)
            return await in_thread(lambda: self._taken(call, settings))

    def _taken(self, call: Call, settings: Settings) -> _Taken:
        function = self._finder.resolve(settings.device)
        self._links.devices(call.netns)  # a namespace that cannot be entered is heard of before anything is done
        saved = replace(_saved(call, settings, function), identity=self._links.identity(call.netns))
        self._files.save(saved, settings, dict(call.conf))
        device = self._mover.take(function, settings, call.netns, call.ifname)
        if device is None:
            mac = settings.mac or (function.present.mac if function.present.mac != _NO_MAC else "")
            mtu = function.physical.link.mtu
        else:
            mac, mtu = device.link.mac, device.link.mtu
        interface = Interface(call.ifname, mac=mac, mtu=mtu, sandbox=call.netns, pci_id=settings.device)
        return _Taken(interface, device is not None)

    async def _reclaim(self, device: str, call: Call) -> None:
        """See that the VF is nobody's: one whose pod's namespace is gone, or its path this pod's, is given back first.

        Raises:
            AttachmentError: it is a living pod's (code 11), or nobody knows what it was before (code 6).
        """
        namespace = await in_thread(lambda: self._files.allocated(device))
        if not namespace:
            return
        owners = [saved for saved in await in_thread(self._files.all) if saved.device == device]
        if not await in_thread(lambda: self._has_ended(namespace, owners, call)):
            whose = " and ".join(f"interface {saved.ifname} of {saved.container_id}" for saved in owners)
            raise AttachmentError(
                f"VF {device} is already allocated to {namespace}{f' ({whose})' if whose else ''}; it is free once the "
                "DEL of that pod is done",
                code=Code.TRY_AGAIN_LATER,
            )
        unreadable = await in_thread(self._files.unreadable)
        if unreadable and all(saved.netns not in ("", namespace) for saved in owners):
            raise AttachmentError(
                f"VF {device} was allocated to {namespace}, and what it was before may be in "
                f"{' or '.join(map(str, unreadable))}, which cannot be understood: see that the VF is as it was, then "
                "remove the file",
                code=Code.DECODING_FAILURE,
            )
        for saved in owners:
            await self._restore(saved, [namespace])
            await in_thread(partial(self._files.forget, saved.owner))
        await in_thread(lambda: self._files.free(device))

    def _has_ended(self, namespace: str, owners: Sequence[Saved], call: Call) -> bool:
        """Whether the namespace a VF was given to is gone, or there is another at its path, which is the pod's now."""
        if self._links.is_gone(namespace):
            return True
        if namespace != call.netns or any(saved.container_id == call.container_id for saved in owners):
            return False
        known = [saved.identity for saved in owners if saved.netns == namespace and saved.identity is not None]
        present = self._links.identity(namespace)
        return present is not None and present not in known

    async def _release(self, saved: Saved, namespace: str) -> None:
        """Give a VF back and forget it, unless it is another's by now."""
        async with self._files.hold(saved.device):
            current = self._files.load(*saved.owner)
            if current is None:
                return
            allocated = await in_thread(lambda: self._files.allocated(saved.device))
            if await in_thread(lambda: self._is_of(current, allocated, namespace)):
                await self._restore(current, [namespace, current.netns, allocated])
                await in_thread(lambda: self._files.free(current.device))
            await in_thread(lambda: self._files.forget(current.owner))

    def _is_of(self, saved: Saved, allocated: str, namespace: str) -> bool:
        """Whether the VF still is that of the attachment, and no other has got it meanwhile."""
        if not allocated or allocated in (saved.netns, namespace):
            return True
        others = [other for other in self._files.all() if other.device == saved.device and other.owner != saved.owner]
        return not saved.netns and not namespace and not others

    async def _restore(self, saved: Saved, namespaces: Sequence[str]) -> None:
        """Give the VF back; a namespace that ended needs a moment until its interfaces are on the host."""
        places = [place for place in dict.fromkeys(namespaces) if place]
        for _ in range(self._tries):
            try:
                return await in_thread(lambda: self._mover.give_back(saved, places))
            except Missing:
                await asyncio.sleep(self._pause)
        return await in_thread(lambda: self._recover(saved))

    def _recover(self, saved: Saved) -> None:
        """Give back a VF whose interface is where nobody expects it.

        One in a namespace nobody has a path of, as an open file may keep it, cannot be moved: its driver makes another.
        """
        place = self._finder.interface(saved.device, "", self._links.others())
        if place is None:
            _log.warning("the interface of a VF is in no namespace; its driver makes it anew", device=saved.device)
            self._pci.bind_anew(saved.device)
        namespaces = [place.namespace] if place is not None and place.namespace else []
        for left in reversed(range(self._tries)):
            try:
                self._mover.give_back(saved, namespaces)
            except Missing as error:
                if not left:
                    error.code = int(Code.TRY_AGAIN_LATER)
                    raise
                time.sleep(self._pause)
            else:
                return

    async def _undo(self, call: Call, error: Exception, *, addresses: bool) -> None:
        """Take back what an ADD has done; a failure is a note on the error, and DEL's to try again."""
        try:
            saved = self._files.load(call.container_id, call.ifname)
            if saved is not None:
                await self._release(saved, call.netns)
            if addresses:
                await self._ipam.delete(call)
        except PlurimusError as failure:
            error.add_note(f"while undoing: {failure}")


def _saved(call: Call, settings: Settings, function: Function) -> Saved:
    """What the VF is before it is taken for `call`."""
    interface = function.interface
    saved = Saved(
        call.container_id,
        call.ifname,
        settings.device,
        function.physical.name,
        function.present,
        frozenset({*settings.aspects, "mac"} if function.present.mac else settings.aspects),
        netns=call.netns,
        network=call.network,
    )
    if interface is None:
        return saved
    link = interface.link
    return replace(saved, home=link.name, mac=link.mac, mtu=link.mtu, alternatives=interface.alternatives)


def _result(call: Call, interface: Interface, given: Result) -> Result:
    ips = tuple(msgspec.structs.replace(ip, interface=0) for ip in given.ips)
    return Result(call.cni_version, (interface,), ips, given.routes, given.dns)
