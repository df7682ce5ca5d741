"""The driver for host-local and the executable it stands for at the same folders: in turn, and at the same time."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni import result
from plurimus.cni.errors import PlurimusError
from plurimus.drivers import call
from plurimus.drivers.hostlocal.driver import HostLocal

from .daemon import PLUGINS

Answer = tuple[int, str]
"""The code and the message of an error, or 0 and what is printed."""
Run = Callable[..., Coroutine[Any, Any, Answer]]
SINGLE = {"subnet": "10.0.0.0/28", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "fd09::/64", "gw": "fd00::1", "mtu": 1400}]}
DUAL = {
    "ranges": [[{"subnet": "10.0.0.0/29"}, {"subnet": "10.0.1.0/30"}], [{"subnet": "fd00::/64", "rangeEnd": "fd00::9"}]]
}


def variables(verb: str, pod: str, ifname: str, cni_args: str) -> dict[str, str]:
    return {"CNI_COMMAND": verb, "CNI_CONTAINERID": pod, "CNI_NETNS": "/nowhere", "CNI_IFNAME": ifname,
            "CNI_ARGS": cni_args, "CNI_PATH": str(PLUGINS)}  # fmt: skip


def configuration(data: Path, ipam: dict[str, Any], version: str, more: dict[str, Any]) -> bytes:
    keys = {"type": "host-local", "dataDir": str(data), **ipam}
    whole = {"cniVersion": version, "name": "net", "type": "macvlan", "ipam": keys, **more}
    return json.dumps(whole).encode()


async def theirs(
    verb: str, data: Path, pod: str, ipam: dict[str, Any], *, ifname: str = "net1", cni_args: str = "",
    version: str = "1.0.0", **more: Any,
) -> Answer:  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        PLUGINS / "host-local",
        env=variables(verb, pod, ifname, cni_args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate(configuration(data, ipam, version, more))
    if process.returncode == 0:
        return 0, printed.decode()
    error = json.loads(printed)
    return error["code"], error["msg"]


def ours() -> Run:
    """A daemon's driver."""
    driver = HostLocal(Path("/"))

    async def run(
        verb: str, data: Path, pod: str, ipam: dict[str, Any], *, ifname: str = "net1", cni_args: str = "",
        version: str = "1.0.0", **more: Any,
    ) -> Answer:  # fmt: skip
        request = call.read(variables(verb, pod, ifname, cni_args), configuration(data, ipam, version, more), ())
        try:
            if verb == "ADD":
                return 0, result.encode(await driver.add(request), version).decode()
            await (driver.delete if verb == "DEL" else driver.check)(request)
        except PlurimusError as error:
            return error.code, error.msg
        return 0, ""

    return run


def files(data: Path) -> dict[str, tuple[int, bytes]]:
    """Modes and contents of all there is."""
    return {str(path.relative_to(data)): (path.stat().st_mode & 0o777, path.read_bytes() if path.is_file() else b"")
            for path in data.rglob("*")}  # fmt: skip


STEPS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "round": [("ADD", pod, {"ipam": SINGLE}) for pod in "abc"]
    + [("CHECK", "b", {"ipam": SINGLE}), ("DEL", "b", {"ipam": SINGLE}), ("CHECK", "b", {"ipam": SINGLE})]
    + [("ADD", pod, {"ipam": SINGLE}) for pod in "bdefghijklmno"]
    + [("DEL", "e", {"ipam": SINGLE}), ("ADD", "o", {"ipam": SINGLE})],
    "dual": [("ADD", pod, {"ipam": DUAL}) for pod in "abcdefghijk"]
    + [("DEL", pod, {"ipam": DUAL}) for pod in "cch"]
    + [("ADD", pod, {"ipam": DUAL}) for pod in "hcl"],
    "twice": [("ADD", "a", {"ipam": SINGLE}), ("ADD", "a", {"ipam": SINGLE}),
              ("ADD", "a", {"ipam": SINGLE, "ifname": "net2"}), ("DEL", "a", {"ipam": SINGLE})],
    "requested": [
        ("ADD", "a", {"ipam": SINGLE, "cni_args": "IP=10.0.0.7"}),
        ("ADD", "b", {"ipam": SINGLE, "cni_args": "IP=10.0.0.7"}),
        ("ADD", "b", {"ipam": SINGLE, "cni_args": "IP=10.0.0.1"}),
        ("ADD", "b", {"ipam": SINGLE, "cni_args": "IP=10.9.0.1"}),
        ("ADD", "b", {"ipam": SINGLE, "cni_args": "FOO=1;IgnoreUnknown=1;IP=10.0.0.9/24"}),
        ("ADD", "c", {"ipam": DUAL, "args": {"cni": {"ips": ["10.0.1.1"]}}, "runtimeConfig": {"ips": ["fd00::7/64"]}}),
        ("ADD", "d", {"ipam": DUAL, "runtimeConfig": {"ipRanges": [[{"subnet": "10.7.0.0/24"}]]}}),
        ("ADD", "e", {"ipam": SINGLE}),
        ("DEL", "c", {"ipam": DUAL}),
    ],
    "wrong": [("ADD", "a", {"ipam": ipam}) for ipam in (
        {}, {"subnet": "zz"}, {"subnet": "10.0.0.1/24"}, {"subnet": "10.0.0.0/31"}, {"subnet": "::ffff:10.0.0.0/120"},
        {"subnet": "10.0.0.0/24", "rangeStart": "10.0.1.1"}, {"subnet": "10.0.0.0/24", "rangeEnd": "10.0.1.1"},
        {"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.9", "rangeEnd": "10.0.0.8"}, {"ranges": [[]]},
        {"ranges": [[{"subnet": "10.0.0.0/24"}, {"subnet": "fd00::/64"}]]},
        {"ranges": [[{"subnet": "10.0.0.0/24"}, {"subnet": "10.0.0.0/25"}]]},
        {"ranges": [[{"subnet": "10.0.0.0/24"}], [{"subnet": "10.0.0.0/25"}]]},
        {"subnet": "10.0.0.0/24", "resolvConf": "/nowhere/resolv.conf"}, {"subnet": "10.0.0.0/24", "rangeStart": "zz"},
    )],
    "odd": [("ADD", pod, {"ipam": ipam}) for pod, ipam in enumerate((
        {"subnet": "10.0.0.0/24", "gateway": "10.1.0.1"}, {"subnet": "10.0.0.0/24", "gateway": "fd00::1"},
        {"subnet": "10.3.0.0/24", "rangeStart": "10.3.0.0", "rangeEnd": "10.3.0.255"},
        {"subnet": "fd00::/126"}, {"subnet": "FD01:0::/64"}, {"subnet": "10.4.0.0/30"},
        {"subnet": "10.5.0.0/24", "rangeStart": "::ffff:10.5.0.8", "gateway": "::ffff:10.5.0.9"},
    ))],
}  # fmt: skip


@pytest.mark.parametrize("version", ["0.2.0", "0.4.0", "1.0.0"])
@pytest.mark.parametrize("steps", STEPS)
async def test_ours_does_as_theirs_step_by_step(tmp_path: Path, steps: str, version: str) -> None:
    """The same answers, to the byte, and the same files after each."""
    ways: dict[str, Run] = {"ours": ours(), "theirs": theirs}
    for name in ways:
        (tmp_path / name).mkdir()
    for verb, pod, more in STEPS[steps]:
        if verb == "CHECK" and version < "0.4":
            continue
        answers = {name: await run(verb, tmp_path / name, f"pod{pod}", version=version, **more)
                   for name, run in ways.items()}  # fmt: skip
        assert answers["ours"] == answers["theirs"], (verb, pod)
        there = {name: files(tmp_path / name) for name in ways}
        if steps != "wrong":  # theirs makes its folder before it reads a resolv.conf, or not at all
            assert there["ours"] == there["theirs"], (verb, pod)


async def test_both_refuse_arguments_that_nobody_knows_and_ours_tells_no_value(tmp_path: Path) -> None:
    """It may be a secret."""
    told = [await run("ADD", tmp_path, "pod", SINGLE, cni_args="FOO=1") for run in (ours(), theirs)]
    assert told == [(999, 'ARGS: unknown args ["FOO"]'), (999, 'ARGS: unknown args ["FOO=1"]')]


@pytest.mark.parametrize("ipam", [SINGLE, DUAL], ids=["single", "dual"])
async def test_what_one_gave_the_other_takes_back(tmp_path: Path, ipam: dict[str, Any]) -> None:
    daemon = ours()
    for give, take in ((daemon, theirs), (theirs, daemon)):
        for pod in "ab":
            assert (await give("ADD", tmp_path, pod, ipam))[0] == 0
        assert await take("ADD", tmp_path, "a", ipam) == await give("ADD", tmp_path, "a", ipam)  # a duplicate
        assert (await take("CHECK", tmp_path, "a", ipam))[0] == 0
        for pod in "ab":
            assert await take("DEL", tmp_path, pod, ipam) == (0, "")
            assert (await give("CHECK", tmp_path, pod, ipam))[0] == 999
        assert [name for name in files(tmp_path) if "/1" in name or "/f" in name] == []


@pytest.mark.parametrize("content", [b"pod", b"pod\n", b" pod\r\n", b"pod\r\nnet1\r\n", b"", b"pod\r\nnet2"])
async def test_old_and_torn_leases_mean_the_same_to_both(tmp_path: Path, content: bytes) -> None:
    outcomes = []
    for name, run in (("ours", ours()), ("theirs", theirs)):
        data = tmp_path / name
        (data / "net").mkdir(parents=True)
        (data / "net/10.0.0.2").write_bytes(content)
        done = [await run(verb, data, "pod", SINGLE) for verb in ("CHECK", "ADD", "CHECK", "DEL", "CHECK", "DEL")]
        outcomes.append((done, {path: content for path, (_, content) in files(data).items()}))
    assert outcomes[0] == outcomes[1]


async def test_both_at_the_same_time_give_no_address_twice(tmp_path: Path) -> None:
    """Two daemons and executables: 200 addresses, of which every second is taken back by another than gave it."""
    ways = [ours(), theirs, ours(), theirs]
    ipam = {"ranges": [[{"subnet": "10.0.0.0/23"}], [{"subnet": "fd00::/64"}]]}
    given: list[tuple[str, list[str]]] = []

    async def one(number: int) -> None:
        pod = f"pod-{number}"
        status, printed = await ways[number % 4]("ADD", tmp_path, pod, ipam)
        assert status == 0, printed
        given.append((pod, [ip["address"].partition("/")[0] for ip in json.loads(printed)["ips"]]))
        if number % 8 >= 4:
            assert (await ways[(number + 1) % 4]("DEL", tmp_path, pod, ipam))[0] == 0

    for first in range(0, 200, 20):
        await asyncio.gather(*(one(number) for number in range(first, first + 20)))
    assert set(Counter(ip for _, ips in given for ip in ips).values()) == {1}
    kept = {ip: f"{pod}\r\nnet1".encode() for pod, ips in given for ip in ips if int(pod[4:]) % 8 < 4}
    there = {path.name: path.read_bytes() for path in (tmp_path / "net").iterdir()}
    assert {name: there[name] for name in there if name[0] in "1f"} == kept
    assert there["lock"] == b""
