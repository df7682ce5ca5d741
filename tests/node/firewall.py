"""The packet filter of the tests' namespace, as its own programs print it."""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path

from plurimus.adapters.hostprograms import HostPrograms
from plurimus.adapters.process import Finished

from .snapshot import run


def iptables() -> list[str]:
    """The rules of both families' nat tables, but for the empty chains that are always there."""
    lines = [line for name in ("iptables", "ip6tables") for line in run(f"{name}-save", "-t", "nat").splitlines()]
    return [line for line in lines if line.startswith(("-A", ":CNI"))]


def nft(family: str, table: str) -> list[str]:
    """The rules of a table; nothing where there is none."""
    done = subprocess.run(["nft", "list", "table", family, table], capture_output=True, text=True, check=False)
    lines = [line.strip() for line in done.stdout.splitlines()]
    return [line for line in lines if re.match(r"[a-z]", line) and not line.startswith(("comment", "table"))]


def masquerading() -> list[str]:
    """The rules of the plugins' own table."""
    return [line for line in nft("inet", "cni_plugins_masquerade") if " masquerade " in line]


def flush() -> None:
    """Everything gone."""
    run("nft", "flush", "ruleset")


class Without(HostPrograms):
    """A host that lacks programs."""

    def __init__(self, *names: str) -> None:
        super().__init__(Path("/"))
        self._lacking = names

    def find(self, name: str) -> str | None:
        return None if name in self._lacking else super().find(name)


class Refusing(HostPrograms):
    """A host with a program that refuses everything about chains with that prefix, and says so."""

    def __init__(self, name: str, chain: str = "", said: str = "Resource temporarily unavailable.") -> None:
        super().__init__(Path("/"))
        self._name, self._chain, self._said = name, chain, said.encode()

    async def run(self, name: str, *arguments: str, stdin: str = "") -> Finished:
        if name == self._name and arguments[-1].startswith(self._chain):
            return Finished(1, b"", self._said)
        return await super().run(name, *arguments, stdin=stdin)


class Starving(HostPrograms):
    """A host where nobody can open a file from the first program on, until a program is looked for again."""

    def __init__(self) -> None:
        super().__init__(Path("/"))
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.events: list[str] = []

    async def run(self, name: str, *arguments: str, stdin: str = "") -> Finished:
        if not self.events:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, self._limits[1]))
            self.events.append("starved")
        return Finished(1, b"", b"refused")

    def find(self, name: str) -> str | None:
        if self.events == ["starved"]:
            self.end()
            self.events.append(name)
        return super().find(name)

    def end(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
