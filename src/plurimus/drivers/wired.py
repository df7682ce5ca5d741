"""Pods with a veth to the node, addresses by `ipam` and, with `ipMasq`, the node's address to the world: DEL and GC.

Plugins spec sections 1.2 and 1.6.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from plurimus.adapters.hostprograms import HostPrograms
from plurimus.drivers import veth
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.deletion import asks
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.masquerade.masquerade import Masquerade
from plurimus.drivers.masquerade.names import Owner
from plurimus.drivers.steps import Step, take_all
from plurimus.drivers.threads import in_thread
from plurimus.drivers.veth import HostEnd


class Wired(Driver):
    """`root` is where the node's programs are, unless `programs` says that."""

    def __init__(self, root: Path, ipam: Ipam, *, programs: HostPrograms | None = None) -> None:
        self._programs = programs or HostPrograms(root)
        self._ipam = ipam
        self._masquerade = Masquerade(self._programs)

    async def delete(self, call: Call) -> None:
        await in_thread(partial(veth.remove, call.netns, call.ifname))
        # only now, since nobody may get an address that an interface in a pod still has
        await take_all(partial(self._forget, call), partial(self._ipam.delete, call))

    def link(self, call: Call) -> str | None:
        return veth.KIND  # rules about it need no namespace to be deleted

    async def collect(self, call: Call) -> None:
        alive = call.valid_attachments()
        if alive is not None:
            await take_all(*self._collecting(call, alive))

    def _collecting(self, call: Call, alive: Collection[tuple[str, str]]) -> list[Step]:
        """The steps of a GC, each for what belongs to none that is `alive`."""
        steps: list[Step] = [partial(self._ipam.collect, call)]
        if asks(call, "ipMasq"):
            steps.append(partial(self._masquerade.collect, call.network, alive))
        return steps

    async def _detach(self, call: Call, end: HostEnd) -> None:
        """Delete an interface that was just made, and the rules about it."""
        await take_all(partial(in_thread, partial(veth.discard, end)), partial(self._forget, call))

    async def _forget(self, call: Call) -> None:
        """Delete the rules about an interface that is gone; those about addresses its pod still has stay."""
        if asks(call, "ipMasq"):
            rest = await in_thread(partial(veth.remaining, call.netns))
            await self._masquerade.remove(Owner.of(call), rest)
