"""Two daemons and an executable that give and take back addresses of one network in any order."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plurimus.cni.errors import AttachmentError
from plurimus.drivers.hostlocal.driver import HostLocal

from .leases import files, folder, gc, give, put, request

SMALL = [[{"subnet": "10.0.0.0/29"}, {"subnet": "10.0.1.0/30", "gateway": "10.0.0.1"}], [{"subnet": "fd00::/125"}]]
RINGS = [[f"10.0.0.{n}" for n in range(2, 7)] + ["10.0.1.1", "10.0.1.2"], [f"fd00::{n}" for n in range(2, 8)]]

owners = st.tuples(st.sampled_from("abcde"), st.sampled_from(["net1", "net2"]))
daemons = st.integers(0, 1)
numbers = st.sampled_from([[0], [1], [0, 1]])


class Leases(RuleBasedStateMachine):
    """What is known of the leases, and of the address given last by each position in a configuration."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp())
        self.daemons = [HostLocal(self.root), HostLocal(self.root)]
        self.leases: dict[str, tuple[str, str]] = {}
        self.last: dict[int, str] = {}
        put(self.root)

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def expected(self, owner: tuple[str, str], sets: list[int]) -> list[str] | None:
        """What an ADD gives; None where it fails."""
        found: list[str] = []
        for at, number in enumerate(sets):
            ring = RINGS[number]
            turn = ring.index(self.last[at]) + 1 if self.last.get(at) in ring else 0
            free = [ip for ip in ring[turn:] + ring[:turn] if ip not in self.leases]
            if owner in {self.leases.get(ip) for ip in ring} or not free:
                return None
            found.append(free[0])
            self.last[at] = free[0]
        return found

    @rule(by=daemons, owner=owners, sets=numbers)
    def add(self, by: int, owner: tuple[str, str], sets: list[int]) -> None:
        wanted = self.expected(owner, sets)
        ranges: Any = [SMALL[number] for number in sets]
        try:
            given = asyncio.run(give(self.daemons[by], *owner, ranges=ranges))
        except AttachmentError:
            given = None
        assert given == wanted
        self.leases |= dict.fromkeys(given or (), owner)

    @rule(by=daemons, owner=owners)
    def delete(self, by: int, owner: tuple[str, str]) -> None:
        asyncio.run(self.daemons[by].delete(request("DEL", *owner)))
        self.leases = {ip: other for ip, other in self.leases.items() if other != owner}

    @rule(by=daemons, valid=st.lists(owners, max_size=6))
    def collect(self, by: int, valid: list[tuple[str, str]]) -> None:
        asyncio.run(self.daemons[by].collect(gc(*valid)))
        self.leases = {ip: other for ip, other in self.leases.items() if other in valid}

    @rule(owner=owners, ip=st.sampled_from([*RINGS[0], *RINGS[1]]))
    def give_outside(self, owner: tuple[str, str], ip: str) -> None:
        if ip not in self.leases:
            (folder(self.root) / ip).write_bytes("\r\n".join(owner).encode())
            self.leases[ip] = owner

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def take_back_outside(self, data: st.DataObject) -> None:
        ip = data.draw(st.sampled_from(sorted(self.leases)))
        (folder(self.root) / ip).unlink()
        del self.leases[ip]

    @rule(by=daemons, owner=owners)
    def check(self, by: int, owner: tuple[str, str]) -> None:
        try:
            asyncio.run(self.daemons[by].check(request("CHECK", *owner)))
            found = True
        except AttachmentError:
            found = False
        assert found == (owner in self.leases.values())

    @invariant()
    def is_on_the_disk(self) -> None:
        there = files(self.root)
        last = {int(name[-1]): there.pop(name).decode() for name in list(there) if name.startswith("last_reserved_ip.")}
        assert there == {ip: "\r\n".join(owner).encode() for ip, owner in self.leases.items()}
        assert last == self.last


TestLeases = Leases.TestCase
TestLeases.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
