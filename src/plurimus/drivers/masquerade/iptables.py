"""Masquerading by iptables and ip6tables: a chain for each container and network, to which its addresses lead.

Where the plugins run iptables once for each rule, all rules of a family are one transaction here.

Plugins spec section 1.6.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

from plurimus.adapters.hostprograms import HostPrograms
from plurimus.cni.errors import AttachmentError
from plurimus.drivers.masquerade.names import Owner
from plurimus.wire.rtnetlink import IPAddress, IPInterface

_PROGRAMS = {4: "iptables", 6: "ip6tables"}
_MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}
_COMMENT = re.compile(r'name: "([^"]*)" id: "([^"]*)"')
_ABSENT = re.compile(
    r"No chain/target/match by that name|does not exist|not supported|chain `CNI-[^']*' .*is incompatible"
)
"""What iptables says where there is no such chain or table, or a kernel without IPv6, whatever its status is then.

The last is how version 1.8.9 calls a chain that is missing.
"""


class Iptables:
    """The `nat` tables of the host, changed by its own `programs`."""

    def __init__(self, programs: HostPrograms) -> None:
        self._programs = programs
        self._works = False

    async def is_usable(self) -> bool:
        """Whether the host has iptables, and its kernel what that needs; once it has, it is not asked again."""
        if self._programs.find("iptables") is None or self._programs.find("iptables-restore") is None:
            return False
        if not self._works:
            done = await self._programs.run("iptables", "-w", "-t", "filter", "-S", "INPUT", "1")
            self._works = done.status == 0
        return self._works

    async def add(self, owner: Owner, addresses: Sequence[IPInterface]) -> None:
        """Masquerade what comes from `addresses` and is not for their networks."""
        for family in sorted({address.version for address in addresses}):
            ours = [address for address in addresses if address.version == family]
            await self._change(family, owner, partial(self._missing, family, owner, ours))

    async def remove(self, owner: Owner, keep: Collection[IPAddress]) -> None:
        """Let nothing lead to the owner's chain but `keep`, the addresses of its other interfaces.

        The chain goes with the last of them.
        """
        for family in self._families():
            await self._change(family, owner, partial(self._stale, family, owner, keep))

    async def collect(self, network: str, alive: Collection[str]) -> None:
        """Take away what there is of containers in `network` that are not `alive`."""
        for family in self._families():
            for line in await self._rules(family, "POSTROUTING") or []:
                found = _owner(line)
                if found is not None and found.network == network and found.container_id not in alive:
                    await self._change(family, found, partial(self._stale, family, found, ()))

    def _families(self) -> list[int]:
        return [family for family, name in _PROGRAMS.items() if self._programs.find(name) is not None]

    async def _missing(self, family: int, owner: Owner, addresses: Sequence[IPInterface]) -> list[str]:
        """What is to be added, in the order of the plugins; the chain may be there for another interface."""
        present = await self._rules(family, owner.chain)
        jumps = [] if present is None else await self._rules(family, "POSTROUTING") or []
        of_owner = f"-m comment --comment {_quoted(owner.chain_comment)}"
        lines = [f"-N {owner.chain}"] if present is None else []
        for address in addresses:
            lines += [
                f"-A {owner.chain} -d {address.network} {of_owner} -j ACCEPT",
                f"-A {owner.chain} ! -d {_MULTICAST[family]} {of_owner} -j MASQUERADE",
                f"-A POSTROUTING -s {address.ip}/{address.max_prefixlen} {of_owner} -j {owner.chain}",
            ]
        return [line for line in dict.fromkeys(lines) if line not in jumps and line not in (present or [])]

    async def _stale(self, family: int, owner: Owner, keep: Collection[IPAddress]) -> list[str]:
        """What is to be deleted."""
        if await self._rules(family, owner.chain) is None:
            return []
        rules = await self._rules(family, "POSTROUTING") or []
        jumps = [line for line in rules if line.endswith(f" -j {owner.chain}")]
        stale = [line for line in jumps if not _is_from(line, keep)]
        whole = [f"-F {owner.chain}", f"-X {owner.chain}"] if len(stale) == len(jumps) else []
        return [line.replace("-A", "-D", 1) for line in stale] + whole

    async def _change(self, family: int, owner: Owner, plan: Callable[[], Awaitable[list[str]]]) -> None:
        """Carry out what `plan` says, as one transaction; anew where others changed the same meanwhile."""
        name = f"{_PROGRAMS[family]}-restore"
        lines = await plan()
        while lines:
            script = "\n".join(["*nat", *lines, "COMMIT", ""])
            done = await self._programs.run(name, "-w", "--noflush", stdin=script)
            if done.status == 0:
                return
            said = done.stderr.decode(errors="replace").strip()
            before, lines = lines, await plan()
            if lines == before:
                raise AttachmentError(
                    f"{name} refuses to change chain {owner.chain} of network {owner.network!r}: {said}"
                )

    async def _rules(self, family: int, chain: str) -> list[str] | None:
        """The rules of a chain as `-A ...`, or None where there is none."""
        name = _PROGRAMS[family]
        done = await self._programs.run(name, "-w", "-t", "nat", "-S", chain)
        if done.status != 0:
            said = done.stderr.decode(errors="replace").strip()
            if _ABSENT.search(said) or await self._is_missing(name, chain):
                return None
            raise AttachmentError(f"{name} cannot list the chain {chain}: {said}")
        lines = done.stdout.decode(errors="replace").splitlines()
        return [line for line in lines if line.startswith("-A ")]

    async def _is_missing(self, name: str, chain: str) -> bool:
        """Whether the list of all there is has no such chain: the words for that may be others than are known."""
        done = await self._programs.run(name, "-w", "-t", "nat", "-S")
        lines = done.stdout.decode(errors="replace").splitlines()
        return done.status == 0 and not any(line.split()[:2] in (["-N", chain], ["-P", chain]) for line in lines)


def _quoted(comment: str) -> str:
    """As iptables prints it and iptables-restore reads it."""
    escaped = comment.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def _owner(line: str) -> Owner | None:
    """Whose chain a rule leads to; None for rules that are none of ours."""
    words = _words(line)
    for word in words:
        said = _COMMENT.fullmatch(word)
        if said is not None:
            owner = Owner(said[1], said[2], "")
            return owner if words[-2:] == ["-j", owner.chain] else None
    return None


def _is_from(line: str, keep: Collection[IPAddress]) -> bool:
    """Whether the rule is about what comes from one of `keep`; old plugins made rules about whole networks."""
    words = _words(line)
    if "-s" not in words:
        return False
    try:
        source = ipaddress.ip_network(words[words.index("-s") + 1], strict=False)
    except (ValueError, IndexError):
        return False
    return any(address in source for address in keep)
