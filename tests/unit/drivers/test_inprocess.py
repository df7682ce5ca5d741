"""Drivers in the place of executables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, Code, ConfigError
from plurimus.cni.result import Interface, IPConfig, Result
from plurimus.core.config import DaemonConfig
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.threads import in_thread
from plurimus.node import drivers


class Executables:
    """Knows the plugins in `answers`, and notes each run."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.runs: list[tuple[str, str, dict[str, Any]]] = []

    def find(self, kind: str, search: Sequence[str]) -> str:
        if kind not in self.answers:
            raise AttachmentError(f"no {kind} in {search}")
        return f"{search[0]}/{kind}"

    async def call(self, kind: str, *, env: Mapping[str, str], conf: Mapping[str, Any], search: Sequence[str]) -> bytes:
        return await self.run(kind, env=env, stdin=json.dumps(conf).encode(), search=search)

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        return None

    def reads_previous(self, kind: str, conf: Mapping[str, Any]) -> bool:
        return True

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        self.find(kind, search)
        self.runs.append((kind, env["CNI_COMMAND"], json.loads(stdin)))
        return self.answers[kind].encode()


class Wire(Driver):
    """Makes an interface that `check` misses."""

    def __init__(self, ipam: Ipam | None = None) -> None:
        self.ipam = ipam
        self.calls: list[Call] = []

    async def add(self, call: Call) -> Result:
        self.calls.append(call)
        given = await self.ipam.add(call) if self.ipam else Result()
        return Result(call.cni_version, (Interface(call.ifname, sandbox=call.netns),), given.ips, given.routes)

    async def delete(self, call: Call) -> None:
        self.calls.append(call)

    async def check(self, call: Call) -> None:
        raise AttachmentError(f"{call.ifname} is not there", code=101)


def env(verb: str) -> dict[str, str]:
    return {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_NETNS": "/run/netns/pod", "CNI_IFNAME": "net1",
            "CNI_ARGS": "IgnoreUnknown=true;MAC=02:00:00:00:00:01", "CNI_PATH": "/opt/cni/bin"}  # fmt: skip


def conf(**more: Any) -> bytes:
    return json.dumps({"cniVersion": "1.0.0", "name": "rail", "type": "wire", **more}).encode()


async def run(plugins: InProcess, kind: str, verb: str, stdin: bytes) -> bytes:
    return await plugins.run(kind, env=env(verb), stdin=stdin, search=["/opt/cni/bin"])


async def test_a_type_with_a_driver_runs_inside_and_any_other_as_its_executable() -> None:
    executables, wire = Executables(macvlan="{}"), Wire()
    plugins = InProcess(executables)
    plugins.use({"wire": wire})
    made = json.loads(await run(plugins, "wire", "ADD", conf()))
    assert made["interfaces"] == [{"name": "net1", "sandbox": "/run/netns/pod"}]
    assert made["cniVersion"] == "1.0.0"
    assert await run(plugins, "macvlan", "ADD", conf()) == b"{}"
    assert [kind for kind, *_ in executables.runs] == ["macvlan"]
    assert plugins.find("macvlan", ["/opt/cni/bin"]) == "/opt/cni/bin/macvlan"
    assert "inside" in plugins.find("wire", [])
    with pytest.raises(AttachmentError, match="no vlan"):
        plugins.find("vlan", ["/opt/cni/bin"])


async def test_a_driver_gets_what_the_executable_would() -> None:
    wire = Wire()
    plugins = InProcess(Executables())
    plugins.use({"wire": wire})
    await run(plugins, "wire", "DEL", conf(prevResult={"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/24"}]}))
    (call,) = wire.calls
    assert (call.command, call.container_id, call.netns, call.ifname) == ("DEL", "pod", "/run/netns/pod", "net1")
    assert dict(call.args)["MAC"] == "02:00:00:00:00:01"
    assert call.network == "rail"
    assert call.previous is not None
    assert call.previous.ips == (IPConfig("10.0.0.1/24"),)
    assert call.env() == env("DEL")


async def test_a_call_without_json_is_the_same_for_drivers_and_executables() -> None:
    executables, wire = Executables(macvlan='{"cniVersion": "1.0.0"}'), Wire()
    plugins = InProcess(executables)
    plugins.use({"wire": wire})
    for kind in ("wire", "macvlan"):
        for verb in ("ADD", "DEL"):
            told = await plugins.call(kind, env=env(verb), conf=json.loads(conf(mtu=9)), search=["/opt/cni/bin"])
            if kind == "wire" and verb == "ADD":
                assert told == Result("1.0.0", (Interface("net1", sandbox="/run/netns/pod"),))
            else:
                assert told == (b"" if kind == "wire" else b'{"cniVersion": "1.0.0"}')
    assert executables.runs == [("macvlan", verb, json.loads(conf(mtu=9))) for verb in ("ADD", "DEL")]
    assert [(call.command, call.conf["mtu"]) for call in wire.calls] == [("ADD", 9), ("DEL", 9)]


async def test_an_error_of_a_driver_keeps_its_code_and_a_fault_becomes_one() -> None:
    class Broken(Wire):
        async def delete(self, call: Call) -> None:
            raise KeyError("oops")

    plugins = InProcess(Executables())
    plugins.use({"wire": Broken()})
    with pytest.raises(AttachmentError) as missing:
        await run(plugins, "wire", "CHECK", conf())
    assert missing.value.code == 101
    with pytest.raises(AttachmentError, match=r"driver 'wire' failed: KeyError: 'oops'"):
        await run(plugins, "wire", "DEL", conf())


@pytest.mark.parametrize("stdin", [b"", b"[]", b"{"])
async def test_a_configuration_that_is_no_object_is_refused(stdin: bytes) -> None:
    plugins = InProcess(Executables())
    plugins.use({"wire": Wire()})
    with pytest.raises(ConfigError) as refused:
        await run(plugins, "wire", "ADD", stdin)
    assert refused.value.code == Code.DECODING_FAILURE


async def test_a_deletion_goes_on_without_a_result_that_cannot_be_understood() -> None:
    wire = Wire()
    plugins = InProcess(Executables())
    plugins.use({"wire": wire})
    await run(plugins, "wire", "DEL", conf(prevResult={"cniVersion": "1.0.0", "ips": 7}))
    assert [call.previous for call in wire.calls] == [None]
    with pytest.raises(AttachmentError, match="malformed"):
        await run(plugins, "wire", "ADD", conf(prevResult={"cniVersion": "1.0.0", "ips": 7}))


def test_a_deletion_is_told_the_result_where_somebody_may_make_something_of_it() -> None:
    class Knowing(Wire):
        keys = ("mtu",)

    class Reading(Wire):
        reads_previous = True

    plugins = InProcess(Executables())
    plugins.use({"wire": Wire(), "knowing": Knowing(), "reading": Reading(), "pool": Wire()})
    reads = plugins.reads_previous
    assert not reads("wire", {"type": "wire"})
    assert not reads("wire", {"type": "wire", "ipam": {}})
    assert not reads("wire", {"type": "wire", "ipam": {"type": "pool"}})
    assert reads("wire", {"type": "wire", "ipam": {"type": "an-executable"}})
    assert reads("wire", {"type": "wire", "ipam": {"type": "reading"}})
    assert reads("reading", {"type": "reading"})
    assert reads("an-executable", {"type": "an-executable"})
    assert reads("knowing", {"type": "knowing", "aNewOption": 1})


async def test_addresses_come_from_the_ipam_plugin_with_the_same_configuration() -> None:
    executables = Executables(static='{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.9/24"}]}')
    plugins = InProcess(executables)
    plugins.use({"wire": Wire(Ipam(plugins))})
    stdin = conf(ipam={"type": "static"}, vlan=7)
    made = json.loads(await run(plugins, "wire", "ADD", stdin))
    assert made["ips"] == [{"address": "10.0.0.9/24"}]
    assert executables.runs == [("static", "ADD", json.loads(stdin))]


async def test_an_ipam_plugin_without_an_address_is_an_error_and_asked_to_forget() -> None:
    executables = Executables(static='{"cniVersion":"1.0.0"}')
    plugins = InProcess(executables)
    plugins.use({"wire": Wire(Ipam(plugins))})
    with pytest.raises(AttachmentError, match=r"'static' gave no address for network 'rail'"):
        await run(plugins, "wire", "ADD", conf(ipam={"type": "static"}))
    assert [verb for _, verb, _ in executables.runs] == ["ADD", "DEL"]


async def test_an_ipam_plugin_that_cannot_forget_is_noted_on_the_error_that_counts() -> None:
    class Forgetful(Executables):
        async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
            if env["CNI_COMMAND"] == "DEL":
                raise ClusterError("no answer")
            return b'{"cniVersion":"1.0.0"}'

    plugins = InProcess(Forgetful())
    plugins.use({"wire": Wire(Ipam(plugins))})
    with pytest.raises(AttachmentError, match=r"'static' gave no address") as raised:
        await run(plugins, "wire", "ADD", conf(ipam={"type": "static"}))
    assert raised.value.__notes__ == ["while undoing: no answer"]


async def test_a_setting_of_another_type_names_the_network_and_the_place() -> None:
    class Settings(msgspec.Struct):
        vlan: int = 0

    assert Call("ADD", conf={"name": "rail", "VLAN": 3}).settings(Settings).vlan == 3
    with pytest.raises(ConfigError, match=r"network configuration 'rail': .*\$.vlan"):
        Call("ADD", conf={"name": "rail", "vlan": "x"}).settings(Settings)


async def test_a_driver_is_switched_off_by_its_type() -> None:
    inside = drivers.plugins(DaemonConfig())
    for kind in drivers.drivers(root=Path("/"), ipam=Ipam(inside)):
        assert "inside" in inside.find(kind, [])
        outside = drivers.plugins(DaemonConfig(executables=[kind]))
        with pytest.raises(AttachmentError, match="failed to find plugin"):
            outside.find(kind, ["/nowhere"])


async def test_whose_interface_may_leave_before_its_del_is_said_by_its_driver() -> None:
    """And by nobody where the executable runs, or the configuration cannot be read."""

    class Leaving(Wire):
        keys = ("mtu",)

        def link(self, call: Call) -> str | None:
            if "mtu" in call.conf:
                raise ConfigError("no such MTU")
            return "veth"

    plugins = InProcess(Executables(wire="{}"))
    plugins.use({"wire": Leaving(), "stay": Wire()})
    assert plugins.link("wire", {"type": "wire"}, []) == "veth"
    assert plugins.link("wire", {"type": "wire", "mtu": 1}, []) is None
    assert plugins.link("wire", {"type": "wire", "colour": 1}, []) is None
    assert plugins.link("stay", {"type": "stay"}, []) is None
    assert plugins.link("other", {"type": "other"}, []) is None


async def test_the_kinds_of_interfaces_that_leave_together_are_these() -> None:
    made = drivers.drivers(Path("/"), Ipam(InProcess(Executables())))
    kinds = {kind: driver.link(Call("DEL", conf={"type": kind})) for kind, driver in made.items()}
    leaving = {kind: link for kind, link in kinds.items() if link is not None}
    assert (
        leaving.items()
        >= {"macvlan": "macvlan", "ipvlan": "ipvlan", "vlan": "vlan", "dummy": "dummy", "tuning": ""}.items()
    )
    assert not leaving.keys() & {"sriov", "host-device", "rdma", "sbr", "vrf"}


async def test_a_cancelled_driver_is_heard_of_once_its_thread_has_ended() -> None:
    begun, go, ended = Event(), Event(), Event()

    def work() -> None:
        begun.set()
        go.wait()
        ended.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
