"""Rules of nftables, read and changed by the host's program `nft`.

nft(8), libnftables-json(5).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from plurimus.adapters.hostprograms import HostPrograms
from plurimus.cni import gojson
from plurimus.cni.errors import AttachmentError

_PROGRAM = "nft"
_ABSENT = ("No such file or directory", "Operation not supported", "Protocol not supported")
"""What nft says where there is no such chain, or the kernel has no nftables at all."""


Command = dict[str, Any]
"""A command in nft's JSON form, where names may have any characters; or what it is about."""


class Rule(msgspec.Struct, frozen=True):
    """A rule of a chain; `expr` is what it matches and does, as nft tells it."""

    handle: int
    comment: str = ""
    expr: list[Any] = []


class Nft:
    """nftables of the host whose `programs` these are."""

    def __init__(self, programs: HostPrograms) -> None:
        self._programs = programs

    def is_there(self) -> bool:
        """Whether the host has the program."""
        return self._programs.find(_PROGRAM) is not None

    async def rules(self, family: str, table: str, chain: str) -> list[Rule]:
        """The rules of a chain, none where it does not exist.

        Raises:
            AttachmentError: they cannot be listed, or understood.
        """
        what = f"listing chain {chain} of the table {family} {table}"
        done = await self._programs.run(_PROGRAM, "-j", "-a", "list", "chain", family, table, chain)
        if done.status != 0:
            said = done.stderr.decode(errors="replace")
            if any(text in said for text in _ABSENT):
                return []
            raise AttachmentError(f"nft fails at {what}: {_first(said)}")
        try:
            listed = gojson.decode_object(done.stdout)["nftables"]
            return [gojson.convert(each["rule"], Rule) for each in listed if "rule" in each]
        except (ValueError, KeyError, TypeError) as error:
            raise AttachmentError(f"nft printed what is no list of rules at {what}: {error}") from error

    async def change(self, what: str, plan: Callable[[], Awaitable[Sequence[Command]]]) -> None:
        """Carry out the commands that `plan` gives, as one transaction; anew where others changed the same meanwhile.

        Raises:
            AttachmentError: about `what`; the host has not the program, or it refuses.
        """
        commands = await plan()
        while commands:
            script = json.dumps({"nftables": list(commands)})
            done = await self._programs.run(_PROGRAM, "-j", "-f", "-", stdin=script)
            if done.status == 0:
                return
            before, commands = commands, await plan()
            if commands == before:
                raise AttachmentError(f"nft fails at {what}: {_first(done.stderr.decode(errors='replace'))}")


def add(thing: Command) -> Command:
    """The command that has `thing` be there."""
    return {"add": thing}


def delete(thing: Command) -> Command:
    return {"delete": thing}


def flush(thing: Command) -> Command:
    return {"flush": thing}


def match(left: object, right: object, op: str = "==") -> dict[str, Any]:
    """The part of a rule that looks at a packet."""
    return {"match": {"op": op, "left": left, "right": right}}


def field(protocol: str, name: str) -> dict[str, Any]:
    """A field of a packet's header, to match."""
    return {"payload": {"protocol": protocol, "field": name}}


def _first(said: str) -> str:
    """What is the matter, without the picture of the command that follows."""
    return next((line for line in said.splitlines() if line.strip()), "it does not say why")
