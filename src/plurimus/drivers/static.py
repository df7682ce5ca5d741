"""The IPAM plugin static: the addresses that stand in the configuration, or that the pod asks for.

Plugins spec section 13.
"""

from __future__ import annotations

from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result
from plurimus.core import static
from plurimus.drivers.call import Call, Driver


class Static(Driver):
    """Keeps nothing, so DEL has nothing to do."""

    keys = ("addresses", "routes")
    section = "ipam"

    async def add(self, call: Call) -> Result:
        return _made(call)

    async def delete(self, call: Call) -> None:
        pass

    async def check(self, call: Call) -> None:
        wanted = _made(call)
        if call.previous is None:
            raise AttachmentError("Required prevResult missing")
        address = static.difference(wanted, call.previous)
        if address:
            raise AttachmentError(f"static: Failed to match addr {address} on interface {call.ifname}")

    async def status(self, call: Call) -> None:
        _made(call)


def _made(call: Call) -> Result:
    return static.made(call.settings(static.Conf), call.args, str(call.conf.get("cniVersion") or ""))
