"""Masquerading by nftables: one table for all networks, whose rules say in their comments whose they are.

Plugins spec section 1.6.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from plurimus.drivers import nft
from plurimus.drivers.masquerade.names import Owner, attachment_mark, network_mark
from plurimus.drivers.nft import Command, Nft
from plurimus.wire.rtnetlink import IPInterface

_FAMILY, _TABLE, _CHECKS, _POSTROUTING = "inet", "cni_plugins_masquerade", "masq_checks", "postrouting"
_HOOK = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}
_PROTOCOLS = {4: "ip", 6: "ip6"}
_MULTICAST = {"ip": ("224.0.0.0", 4), "ip6": ("ff00::", 8)}


class Nftables:
    """The table, changed by `nft`."""

    def __init__(self, nft: Nft) -> None:
        self._nft = nft

    def is_usable(self) -> bool:
        """Whether the host has the program."""
        return self._nft.is_there()

    async def add(self, owner: Owner, addresses: Sequence[IPInterface]) -> None:
        """Masquerade what comes from `addresses` and is not for their networks; older rules of the owner go."""
        rules = [_rule(_CHECKS, _beyond(address), owner.comment) for address in addresses]

        async def plan() -> list[Command]:
            return [*_table(), *await self._deletions(lambda comment: comment.startswith(owner.mark)), *rules]

        await self._nft.change(f"masquerading network {owner.network!r}", plan)

    async def remove(self, owner: Owner) -> None:
        """Delete the owner's rules; the table stays."""
        if self.is_usable():
            await self._delete(owner.network, lambda comment: comment.startswith(owner.mark))

    async def collect(self, network: str, alive: Collection[tuple[str, str]]) -> None:
        """Delete what there is of attachments to `network` that are not `alive`, as container ID and interface."""
        if not self.is_usable():
            return
        ours, living = network_mark(network), {network_mark(network) + attachment_mark(*each) for each in alive}

        def is_stale(comment: str) -> bool:
            return comment.startswith(ours) and comment.partition(",")[0] not in living

        await self._delete(network, is_stale)

    async def _delete(self, network: str, is_stale: Callable[[str], bool]) -> None:
        await self._nft.change(f"ending to masquerade network {network!r}", lambda: self._deletions(is_stale))

    async def _deletions(self, is_stale: Callable[[str], bool]) -> list[Command]:
        rules = await self._nft.rules(_FAMILY, _TABLE, _CHECKS)
        return [
            nft.delete({"rule": {"family": _FAMILY, "table": _TABLE, "chain": _CHECKS, "handle": rule.handle}})
            for rule in rules
            if is_stale(rule.comment)
        ]


def _table() -> list[Command]:
    """The table as it is to be, its hook made anew."""
    multicast = [
        [_match(protocol, "daddr", length), {"return": None}]
        for protocol, length in _MULTICAST.items()
    ]  # fmt: skip
    return [
        nft.add({"table": {"family": _FAMILY, "name": _TABLE}}),
        nft.add(_chain(_CHECKS)),
        nft.add(_chain(_POSTROUTING, _HOOK)),
        nft.flush(_chain(_POSTROUTING)),
        *(_rule(_POSTROUTING, expr) for expr in multicast),
        _rule(_POSTROUTING, [{"goto": {"target": _CHECKS}}]),
    ]


def _beyond(address: IPInterface) -> list[Any]:
    """From the address, and not to its network: masquerade."""
    protocol, network = _PROTOCOLS[address.version], address.network
    return [
        nft.match(nft.field(protocol, "saddr"), str(address.ip)),
        _match(protocol, "daddr", (str(network.network_address), network.prefixlen), "!="),
        {"masquerade": None},
    ]


def _match(protocol: str, field: str, network: tuple[str, int], op: str = "==") -> dict[str, Any]:
    address, length = network
    return nft.match(nft.field(protocol, field), {"prefix": {"addr": address, "len": length}}, op)


def _chain(name: str, hook: Command | None = None) -> Command:
    return {"chain": {"family": _FAMILY, "table": _TABLE, "name": name, **(hook or {})}}


def _rule(chain: str, expr: list[Any], comment: str = "") -> Command:
    rule: Command = {"family": _FAMILY, "table": _TABLE, "chain": chain, "expr": expr}
    return nft.add({"rule": rule | ({"comment": comment} if comment else {})})
