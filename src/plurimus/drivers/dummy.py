"""An interface that leads nowhere, to have addresses; stands for `dummy`.

Beyond the plugin: CHECK looks at routes, too; DEL needs no IPAM.

Plugins spec section 8.
"""

from __future__ import annotations

from plurimus.cni.result import Result
from plurimus.drivers import lower, previous
from plurimus.drivers.call import Call
from plurimus.drivers.lower import Wanted, WithIpam
from plurimus.drivers.steps import Undo
from plurimus.wire.rtdetails import Details
from plurimus.wire.rtkinds import NewLink


class Dummy(WithIpam):
    """Has no options of its own."""

    kind = "dummy"
    keys = ("ipam",)

    async def add(self, call: Call) -> Result:
        lower.require_ipam(call, self.kind)
        lower.refuse_namespace(call)
        async with Undo() as undo:
            given = await self._ipam.lend(call, undo)
            wanted = Wanted(NewLink(self.kind, call.ifname), given.dns, in_pod=True)
            return await self._make(call, wanted, given, undo)

    async def check(self, call: Call) -> None:
        lower.require_ipam(call, self.kind)
        await previous.check(call, self.kind, _down)
        await self._ipam.check(call)

    async def status(self, call: Call) -> None:
        lower.require_ipam(call, self.kind)
        await self._ipam.status(call)


def _down(found: Details) -> str:
    return "" if found.link.is_up else "it is down"
