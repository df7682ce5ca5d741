"""Delegation to an IPAM plugin, by drivers whose configuration names one.

The IPAM plugin gets the very configuration the driver got, and the same variables.

CNI spec, "Delegated Plugins".
"""

from __future__ import annotations

from dataclasses import replace

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.cni.result import Result
from plurimus.drivers.call import Call
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.steps import Undo


class Ipam:
    """Asks IPAM plugins among `plugins`, in the daemon or outside."""

    def __init__(self, plugins: InProcess) -> None:
        self._plugins = plugins

    @staticmethod
    def kind(call: Call) -> str:
        """The type of the IPAM plugin; empty for an interface without addresses."""
        ipam = call.conf.get("ipam")
        return str(ipam.get("type") or "") if isinstance(ipam, dict) else ""

    async def add(self, call: Call) -> Result:
        """The addresses, routes and DNS servers; an empty result where no plugin is named.

        Raises:
            AttachmentError: the plugin's own, or it gave no address, which has then been given back.
        """
        kind = self.kind(call)
        if not kind:
            return Result(call.cni_version)
        made = await self._run(kind, call, "ADD")
        if not isinstance(made, Result):
            made = result.parse(made, default_version=call.cni_version)
        if not made.ips:
            error = AttachmentError(f"IPAM plugin {kind!r} gave no address for network {call.network!r}")
            try:
                await self._run(kind, call, "DEL")
            except PlurimusError as failure:
                error.add_note(f"while undoing: {failure}")
            raise error
        return made

    async def lend(self, call: Call, undo: Undo) -> Result:
        """`add`, taken back unless an interface is left that may still have the addresses."""
        given = await self.add(call)
        undo.add(lambda: self.delete(call), behind_all=True)
        return given

    async def delete(self, call: Call) -> None:
        """Give the addresses back."""
        if kind := self.kind(call):
            await self._run(kind, call, "DEL")

    async def check(self, call: Call) -> None:
        """Whether the plugin still has the addresses of the attachment."""
        if kind := self.kind(call):
            await self._run(kind, call, "CHECK")

    async def status(self, call: Call) -> None:
        """Raise why the plugin could give no address now."""
        if kind := self.kind(call):
            await self._run(kind, call, "STATUS")

    async def collect(self, call: Call) -> None:
        """Have the plugin give back what belongs to no valid attachment."""
        if kind := self.kind(call):
            await self._run(kind, call, "GC")

    async def _run(self, kind: str, call: Call, verb: str) -> bytes | Result:
        return await self._plugins.delegate(kind, call if call.command == verb else replace(call, command=verb))
