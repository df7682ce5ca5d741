"""An interface of the host for a pod; stands for `host-device`.

Beyond the plugin: see docs/reference/drivers.md.

Plugins spec section 9.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from plurimus.adapters import links
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import DNS, Interface, Result
from plurimus.drivers import addressing, previous
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.hostdevice import conf, move
from plurimus.drivers.hostdevice.conf import Wanted
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.steps import Undo
from plurimus.drivers.threads import in_thread
from plurimus.wire.rtlinks import Device

_PATIENCE, _FIRST_PAUSE, _GROWTH = 5.0, 0.02, 1.5
_log = structlog.get_logger(__name__)


class HostDevice(Driver):
    """`root` is where the node's files are.

    An interface whose namespace ended is looked for during `patience` seconds.
    """

    keys = ("device", "hwaddr", "kernelpath", "pciBusID")

    def __init__(self, root: Path, ipam: Ipam, *, patience: float = _PATIENCE) -> None:
        self._root, self._lock = root, move.lock_of(root)
        self._ipam = ipam
        self._patience = patience

    async def add(self, call: Call) -> Result:
        wanted = conf.read(call, self._root)
        device = await in_thread(lambda: _find(call, wanted, self._lock))
        async with Undo() as undo:
            given = await self._ipam.lend(call, undo)
            result = _result(call, device, given, wanted.dns if self._ipam.kind(call) else DNS())
            if device is None:
                return result
            undo.add(lambda: in_thread(lambda: move.take_back(device, call, self._lock)))
            await in_thread(lambda: _give(call, device, self._lock))
            if result.ips:
                await addressing.configure(call.netns, call.ifname, result)
        return result

    async def delete(self, call: Call) -> None:
        wanted = conf.read_tolerant(call, self._root)
        if not wanted.userspace:
            await self._bring_home(call, wanted)
        # only now, since nobody may get an address that an interface in a pod still has
        await self._ipam.delete(call)

    async def check(self, call: Call) -> None:
        wanted = conf.read(call, self._root)
        await self._ipam.check(call)
        if wanted.userspace:
            previous.required(call)
            return
        there, result = previous.interface(call), previous.required(call)

        def work() -> None:
            with Netlink.open(call.netns) as pod:
                found = links.details(pod, call.ifname)
                if found is None:
                    raise AttachmentError(f"interface {call.ifname} is not in {call.netns}")
                previous.same_mac(there, found)
                addressing.compare(pod, call.netns, call.ifname, result)

        await in_thread(work)

    async def status(self, call: Call) -> None:
        await self._ipam.status(call)

    async def collect(self, call: Call) -> None:
        await self._ipam.collect(call)

    async def _bring_home(self, call: Call, wanted: Wanted) -> None:
        waited, pause = 0.0, _FIRST_PAUSE
        while not await in_thread(lambda: move.bring_home(call, wanted, self._lock)):
            if waited >= self._patience:
                break
            await asyncio.sleep(pause)
            waited, pause = waited + pause, pause * _GROWTH
        else:
            return
        # what is virtual ends with its namespace
        _log.warning("the interface of a pod is neither there nor on the host", interface=call.ifname,
                     container=call.container_id)  # fmt: skip


def _find(call: Call, wanted: Wanted, lock: Path) -> Device | None:
    """The interface that is to be moved, None where a program has the function; and whether the pod can take it.

    Raises:
        AttachmentError: there is none, or the pod has one of that name.
    """
    if wanted.userspace:
        with Netlink.open(call.netns):  # a namespace that cannot be entered is heard of before anything is done
            return None
    with Netlink.open(call.netns) as pod:
        if pod.index(call.ifname) is not None:
            raise AttachmentError(
                f"failed to move link: the pod has an interface {call.ifname!r} already (file exists)"
            )
    with Netlink.open() as host:
        device = move.find_on_host(host, wanted, call.ifname, lock)
    if device is None:
        raise AttachmentError(f"failed to find host device: this node has no interface {wanted}")
    return device


def _give(call: Call, device: Device, lock: Path) -> None:
    with Netlink.open() as host:
        move.give(host, device, call, lock)


def _result(call: Call, device: Device | None, given: Result, dns: DNS) -> Result:
    interface = Interface(call.ifname, mac=device.link.mac if device else "", sandbox=call.netns)
    ips = tuple(msgspec.structs.replace(ip, interface=0) for ip in given.ips)
    return Result(call.cni_version, (interface,), ips, given.routes, dns)
