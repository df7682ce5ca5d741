"""A pod sends from no other MAC than its own: rules of nftables about the host's end of its veth.

Plugins spec section 3.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from plurimus.drivers import nft
from plurimus.drivers.nft import Command, Nft, Rule

_FAMILY, _TABLE, _HOOKED = "bridge", "nat", "PREROUTING"
_HOOK = {"type": "filter", "hook": "prerouting", "prio": -300, "policy": "accept"}
_IIFNAME = {"meta": {"key": "iifname"}}
_COMMENT, _CHAIN = "macspoofchk-", "cni-br-iface-"


class SpoofCheck:
    """The rules of all attachments, changed by `nft`."""

    def __init__(self, nft: Nft) -> None:
        self._nft = nft

    def is_possible(self) -> bool:
        """Whether the host has nft."""
        return self._nft.is_there()

    async def add(self, container_id: str, ifname: str, host_end: str, mac: str) -> None:
        """Drop what comes by the interface `host_end` from another MAC.

        Raises:
            AttachmentError: the host has not nft, or it refuses.
        """
        name = f"{container_id}-{ifname}"
        comment, chains = _COMMENT + name, _chains(name)
        outer, inner = (chain["chain"]["name"] for chain in chains)
        commands = [
            nft.add({"table": {"family": _FAMILY, "name": _TABLE}}),
            nft.add(_chain(_HOOKED, _HOOK)),
            *map(nft.add, chains),
            *map(nft.flush, chains),
            _rule(_HOOKED, [nft.match(_IIFNAME, host_end), {"jump": {"target": outer}}], comment),
            _rule(outer, [{"jump": {"target": inner}}], comment),
            _rule(inner, [nft.match(nft.field("ether", "saddr"), mac), {"return": None}], comment),
            _rule(inner, [{"drop": None}], comment),
        ]

        async def plan() -> list[Command]:
            return [*_deletions(await self._rules(), comment), *commands]

        await self._nft.change(f"keeping {ifname} of {container_id} to its MAC {mac}", plan)

    async def remove(self, container_id: str, ifname: str) -> None:
        """Delete the rules and the chains of an attachment; the table and what is hooked stay."""
        if self._nft.is_there():
            await self._remove(f"{container_id}-{ifname}")

    async def collect(
        self, alive: Collection[tuple[str, str]], links: Callable[[], Awaitable[Collection[str]]]
    ) -> None:
        """Delete what is of no attachment in `alive`, and about an interface that is none of the host's `links`.

        A rule does not say of which network it is, but without its interface it is nobody's.
        """
        if not self._nft.is_there():
            return
        living = {f"{_COMMENT}{container_id}-{ifname}" for container_id, ifname in alive}
        rules = await self._rules()
        present = await links()  # looked at last: an ADD makes the interface before the rule
        for rule in rules:
            is_ours = rule.comment.startswith(_COMMENT) and rule.comment not in living
            if is_ours and _interface(rule) not in present:
                await self._remove(rule.comment.removeprefix(_COMMENT))

    async def _rules(self) -> list[Rule]:
        return await self._nft.rules(_FAMILY, _TABLE, _HOOKED)

    async def _remove(self, name: str) -> None:
        chains = _chains(name)

        async def plan() -> list[Command]:
            deletions = _deletions(await self._rules(), _COMMENT + name)
            # a chain that is added first can be deleted whether or not it was there
            rest = [*map(nft.add, chains), *map(nft.flush, chains), *map(nft.delete, chains)]
            return [*deletions, *rest] if deletions else []

        await self._nft.change(f"deleting the rules about the MAC of {name}", plan)


def _deletions(rules: Collection[Rule], comment: str) -> list[Command]:
    return [
        nft.delete({"rule": {"family": _FAMILY, "table": _TABLE, "chain": _HOOKED, "handle": rule.handle}})
        for rule in rules
        if rule.comment == comment
    ]


def _chains(name: str) -> list[Command]:
    return [_chain(_CHAIN + name), _chain(f"{_CHAIN}{name}-mac")]


def _chain(name: str, hook: Command | None = None) -> Command:
    return {"chain": {"family": _FAMILY, "table": _TABLE, "name": name, **(hook or {})}}


def _rule(chain: str, expr: list[Any], comment: str) -> Command:
    return nft.add({"rule": {"family": _FAMILY, "table": _TABLE, "chain": chain, "comment": comment, "expr": expr}})


def _interface(rule: Rule) -> str:
    """The interface a rule is about."""
    for part in rule.expr:
        said = part.get("match") if isinstance(part, dict) else None
        if isinstance(said, dict) and said.get("left") == _IIFNAME:
            return str(said.get("right"))
    return ""
