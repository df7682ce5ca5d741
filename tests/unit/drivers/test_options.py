"""Options that a driver does not know: their attachment is the executable's, for every verb, and it is counted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from plurimus.cni.result import Result
from plurimus.core import measured
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.options import Unknown

from .test_inprocess import Executables, conf, env

VERBS = ("ADD", "CHECK", "STATUS", "GC", "DEL")
COMMON = {
    "capabilities": {"mac": True}, "runtimeConfig": {"mac": "02:00:00:00:00:01"}, "args": {"cni": {}}, "dns": {},
    "prevResult": {"cniVersion": "1.0.0"}, "cni.dev/valid-attachments": [], "deviceID": "0000:00:02.0", "pciBusID": "x",
    "ipam": {"type": "pool", "size": 4}, "disableCheck": True,
}  # fmt: skip


class Knowing(Driver):
    """Knows `mtu` and `linkInContainer`."""

    keys = ("mtu", "linkInContainer")

    def __init__(self) -> None:
        self.verbs: list[str] = []

    async def add(self, call: Call) -> Result:
        await self._called(call)
        return Result(call.cni_version)

    async def _called(self, call: Call) -> None:
        self.verbs.append(call.command)

    delete = check = status = collect = _called


class Pool(Knowing):
    """An IPAM plugin that knows `size`."""

    keys, section = ("size",), "ipam"


class Anything(Knowing):
    keys = ()


class Node:
    """`wire`, `pool` and `any` have drivers; the executables in `installed` are there."""

    def __init__(self, *installed: str) -> None:
        self.executables = Executables(**dict.fromkeys(installed, "{}"))
        self.unknown = Unknown()
        self.plugins = InProcess(self.executables, self.unknown)
        self.drivers: Mapping[str, Knowing] = {"wire": Knowing(), "pool": Pool(), "any": Anything()}
        self.plugins.use(self.drivers)

    async def run(self, kind: str, verbs: Sequence[str] = VERBS, **keys: Any) -> None:
        for verb in verbs:
            await self.plugins.run(kind, env=env(verb), stdin=conf(**keys), search=["/opt/cni/bin"])

    @property
    def outside(self) -> list[str]:
        """The verbs that executables were run for."""
        return [verb for _, verb, _ in self.executables.runs]


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


@pytest.mark.parametrize("keys", [{}, {"mtu": 1400}, {"MTU": 1400, "LinkInContainer": True}, COMMON])
async def test_what_a_driver_knows_is_done_by_it(keys: dict[str, Any]) -> None:
    """Go matches keys without regard to case."""
    node = Node("wire")
    await node.run("wire", **keys)
    assert node.drivers["wire"].verbs == list(VERBS)
    assert node.outside == []
    assert node.unknown.document() == []


async def test_an_option_it_does_not_know_sends_every_verb_of_the_attachment_to_the_executable(
    logged: list[Any],
) -> None:
    node, before = Node("wire"), measured.UNKNOWN_OPTIONS.value("wire", "executable")
    await node.run("wire", mtu=1400, newOption=1)
    assert node.drivers["wire"].verbs == []
    assert node.outside == list(VERBS)
    assert node.executables.runs[0][2] == json.loads(conf(mtu=1400, newOption=1))
    assert node.unknown.document() == [{"type": "wire", "key": "newOption", "by": "executable", "calls": len(VERBS)}]
    assert measured.UNKNOWN_OPTIONS.value("wire", "executable") - before == len(VERBS)
    (line,) = logged
    assert (line["log_level"], line["plugin"], line["key"]) == ("info", "wire", "newOption")


async def test_what_the_runtime_adds_to_a_call_does_not_change_who_does_it() -> None:
    """Else DEL could go another way than ADD."""
    node = Node("wire")
    await node.run("wire", ["ADD"], newOption=1)
    await node.run("wire", ["CHECK", "DEL"], newOption=1, **COMMON)
    assert node.outside == ["ADD", "CHECK", "DEL"]


async def test_without_an_executable_the_driver_does_it_and_a_warning_says_what_is_ignored(logged: list[Any]) -> None:
    node, before = Node(), measured.UNKNOWN_OPTIONS.value("wire", "driver")
    await node.run("wire", ["ADD", "DEL"], newOption=1)
    assert node.drivers["wire"].verbs == ["ADD", "DEL"]
    assert node.unknown.document() == [{"type": "wire", "key": "newOption", "by": "driver", "calls": 2}]
    assert measured.UNKNOWN_OPTIONS.value("wire", "driver") - before == 2
    (line,) = logged
    assert (line["log_level"], line["plugin"], line["key"], line["network"]) == ("warning", "wire", "newOption", "rail")


async def test_the_options_of_an_ipam_plugin_are_those_of_ipam() -> None:
    """The rest of the configuration is the plugin's that delegates to it."""
    node = Node("pool", "wire")
    await node.run("pool", vlan=5, ipam={"type": "pool", "size": 3})
    assert node.drivers["pool"].verbs == list(VERBS)
    await node.run("pool", ["ADD"], ipam={"type": "pool", "size": 3, "colour": "red"})
    await node.run("wire", ["DEL"], ipam={"type": "pool", "size": 3, "colour": "red"})
    assert node.outside == ["ADD"]
    assert [each["key"] for each in node.unknown.document()] == ["colour"]


async def test_a_driver_that_names_no_keys_takes_every_configuration() -> None:
    node = Node("any", "pool")
    await node.run("any", newOption=1)
    await node.run("pool", ["ADD"], ipam="text")
    assert node.outside == []


async def test_keys_that_somebody_makes_up_without_end_are_counted_as_one(logged: list[Any]) -> None:
    node = Node("wire")
    for number in range(700):
        await node.run("wire", ["ADD"], **{f"option{number}": 1})
    counted = node.unknown.document()
    assert len(counted) == len(logged) == 501
    assert {"type": "wire", "key": "(others)", "by": "executable", "calls": 200} in counted
