"""Masquerading by whichever backend the network or the host has.

Plugins spec section 1.6; unlike there, interfaces of one container do not lose each other's rules, and DEL needs no
namespace.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from plurimus.adapters.hostprograms import HostPrograms
from plurimus.cni.errors import AttachmentError, Code, ConfigError, PlurimusError, joined
from plurimus.drivers.masquerade.iptables import Iptables
from plurimus.drivers.masquerade.names import Owner
from plurimus.drivers.masquerade.nftables import Nftables
from plurimus.drivers.nft import Nft
from plurimus.wire.rtnetlink import IPAddress, IPInterface

_BACKENDS = ("iptables", "nftables")


def check_backend(subject: str, backend: str) -> None:
    """Raise ConfigError, which begins with `subject`, where `ipMasqBackend` is none."""
    if backend and backend not in _BACKENDS:
        raise ConfigError(f"{subject}: 'ipMasqBackend' is {backend!r}, expected one of {', '.join(_BACKENDS)}")


class Masquerade:
    """Rules of the host, made by its `programs`."""

    def __init__(self, programs: HostPrograms) -> None:
        self._iptables = Iptables(programs)
        self._nftables = Nftables(Nft(programs))

    async def add(self, owner: Owner, addresses: Sequence[IPInterface], backend: str) -> None:
        """Give what `addresses` send beyond their networks the node's address.

        `backend` is iptables or nftables; empty is iptables where the host can use it, else nftables.

        Raises:
            AttachmentError: the host has not the programs, or they refuse.
        """
        if (backend or await self._default()) == "nftables":
            await self._nftables.add(owner, addresses)
        else:
            await self._iptables.add(owner, addresses)

    async def remove(self, owner: Owner, keep: Collection[IPAddress] = ()) -> None:
        """Take away the owner's rules of both backends; `keep` is what its container has by other interfaces.

        Raises:
            AttachmentError: of one backend or both; what could be removed is.
        """
        failures: list[PlurimusError] = []
        for work in (self._iptables.remove(owner, keep), self._nftables.remove(owner)):
            try:
                await work
            except PlurimusError as error:
                failures.append(error)
        if failures:
            raise joined(failures)

    async def collect(self, network: str, alive: Collection[tuple[str, str]]) -> None:
        """Take away the rules of attachments to `network` that are not `alive`, as container ID and interface."""
        await self._iptables.collect(network, {container_id for container_id, _ in alive})
        await self._nftables.collect(network, alive)

    async def check_usable(self, backend: str) -> None:
        """Raise why `add` would fail.

        Raises:
            AttachmentError: code 50.
        """
        chosen = backend or await self._default()
        if not (self._nftables.is_usable() if chosen == "nftables" else await self._iptables.is_usable()):
            raise AttachmentError(
                f"'ipMasq' by {chosen} is not possible on this node: install {chosen}, or set 'ipMasqBackend' to the "
                "other of iptables and nftables",
                code=Code.PLUGIN_NOT_AVAILABLE,
            )

    async def _default(self) -> str:
        if await self._iptables.is_usable() or not self._nftables.is_usable():
            return "iptables"
        return "nftables"
