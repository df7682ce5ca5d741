"""libcni's result cache, and the spool of the shim."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters.results import ResultFiles
from plurimus.adapters.spool import SpoolFiles
from plurimus.cni.cache import CachedAttachment
from plurimus.cni.errors import AttachmentError, Code, PlurimusError

ENTRY = CachedAttachment(
    network="net",
    container_id="cid1",
    ifname="eth0",
    config=b'{"name": "net"}',
    netns="/run/netns/x",
    args=(("IgnoreUnknown", "1"), ("K8S_POD_NAME", "pod")),
    capability_args={"mac": "02:00:00:00:00:01"},
    result={"cniVersion": "1.0.0"},
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_nothing_is_owed_of_a_container_whose_name_no_file_can_have(tmp_path: Path) -> None:
    assert not SpoolFiles(tmp_path).has("a" * 300, "eth0")


async def test_a_result_is_the_file_of_libcni(tmp_path: Path) -> None:
    """F12: name, mode, keys."""
    results = ResultFiles(tmp_path / "results")
    await results.store(ENTRY)
    path = tmp_path / "results/net-cid1-eth0"
    assert (mode(path), mode(tmp_path / "results")) == (0o600, 0o700)
    assert json.loads(path.read_bytes()) == {
        "kind": "cniCacheV1",
        "containerId": "cid1",
        "config": base64.b64encode(b'{"name": "net"}').decode(),
        "ifName": "eth0",
        "networkName": "net",
        "netns": "/run/netns/x",
        "cniArgs": [["IgnoreUnknown", "1"], ["K8S_POD_NAME", "pod"]],
        "capabilityArgs": {"mac": "02:00:00:00:00:01"},
        "result": {"cniVersion": "1.0.0"},
    }
    assert await results.load("net", "cid1", "eth0") == ENTRY
    assert await results.load("net", "cid1", "eth1") is None


async def test_a_removed_result_is_gone(tmp_path: Path) -> None:
    """F12."""
    results = ResultFiles(tmp_path)
    await results.store(ENTRY)
    await results.remove("net", "cid1", "eth0")
    await results.remove("net", "cid1", "eth0")
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"kind": "cniCacheV1", "config": "%"}', b"\xff"])
async def test_a_torn_result_is_removed_and_counts_as_none(content: bytes, tmp_path: Path) -> None:
    """F12, S32."""
    (tmp_path / "net-cid1-eth0").write_bytes(content)
    results = ResultFiles(tmp_path)
    assert await results.entries() == []
    assert await results.load("net", "cid1", "eth0") is None
    assert names(tmp_path) == []


async def test_a_bare_result_of_an_old_library_is_read(tmp_path: Path) -> None:
    """F12: a file of another kind; whose it is, only its name says, so it is in no list."""
    (tmp_path / "net-cid1-eth0").write_text('{"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24"}}')
    results = ResultFiles(tmp_path)
    found = await results.load("net", "cid1", "eth0")
    assert found is not None
    assert found.result == {"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24"}}
    assert await results.entries() == []


async def test_all_readable_results_are_listed(tmp_path: Path) -> None:
    """F12: by name; one whose name is not what it says is nobody's."""
    results = ResultFiles(tmp_path / "results")
    assert await results.entries() == []
    await results.store(ENTRY)
    await results.store(CachedAttachment("a", "cid2", "net1", b"{}"))
    (tmp_path / "results/copy").write_bytes(ENTRY.encode())
    (tmp_path / "results/.net-cid1-eth0.tmp").write_bytes(ENTRY.encode())
    assert [entry.file_name for entry in await results.entries()] == ["a-cid2-net1", "net-cid1-eth0"]


async def test_a_cache_that_cannot_be_listed_is_code_5(tmp_path: Path) -> None:
    """F12: it is not taken for an empty one."""
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(AttachmentError) as caught:
        await ResultFiles(tmp_path / "results").entries()
    assert caught.value.code == Code.IO_FAILURE


@pytest.mark.parametrize("container", ["cid1", "1", "a", "cid1-eth0", "x-cid1", "cid2"])
async def test_the_results_of_one_sandbox_are_listed(container: str, tmp_path: Path) -> None:
    """F12: networks, containers and interfaces may all have dashes, and be part of each other's names."""
    results = ResultFiles(tmp_path)
    for network, whose, ifname in (
        ("net", "cid1", "eth0"),
        ("net-1", "x-cid1", "a"),
        ("a", "1", "1"),
        ("a-1", "a", "b"),
    ):
        await results.store(CachedAttachment(network, whose, ifname, b"{}"))
    everything = await results.entries()
    assert len(everything) == 4
    assert await results.entries(container) == [entry for entry in everything if entry.container_id == container]


def owed(folder: Path, name: str, age: int, content: bytes = b"{}") -> None:
    """A DEL as the shim leaves it, so many seconds ago."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(content)
    os.utime(path, (10_000 - age, 10_000 - age))


def test_what_the_shim_could_not_deliver_is_listed_oldest_first(tmp_path: Path) -> None:
    """S5: what it was still writing is not."""
    spool = SpoolFiles(tmp_path / ".spool")
    assert spool.pending() == []
    for name, age in (("c1-eth0", 5), ("c2-eth0", 9), ("c3-eth0", 7)):
        owed(tmp_path / ".spool", name, age, name.encode())
    (tmp_path / ".spool/.c4-eth0.123").write_text("half")
    (tmp_path / ".spool/notes").write_text("")
    assert spool.pending() == [(f"{name}.json", name.encode()) for name in ("c2-eth0", "c3-eth0", "c1-eth0")]


def test_what_was_done_is_forgotten(tmp_path: Path) -> None:
    """S5."""
    spool = SpoolFiles(tmp_path)
    owed(tmp_path, "c1-eth0", 0)
    assert (spool.has("c1", "eth0"), spool.has("c1", "eth1")) == (True, False)
    spool.forget("c1", "eth0")
    spool.forget("c1", "eth0")
    assert not spool.has("c1", "eth0")


def test_what_cannot_be_read_is_kept_aside(tmp_path: Path) -> None:
    """S5."""
    spool = SpoolFiles(tmp_path)
    owed(tmp_path, "c1-eth0", 0, b"torn")
    assert Path(spool.set_aside("c1-eth0.json")).read_bytes() == b"torn"
    assert spool.pending() == []


def test_what_was_tried_comes_last(tmp_path: Path) -> None:
    """S5: what another process paid meanwhile is not there any more."""
    spool = SpoolFiles(tmp_path)
    for name, age in (("c1-eth0", 9), ("c2-eth0", 5)):
        owed(tmp_path, name, age)
    spool.tried("c1-eth0.json")
    spool.tried("gone.json")
    assert [name for name, _ in spool.pending()] == ["c2-eth0.json", "c1-eth0.json"]


@pytest.mark.parametrize("now", [10_000.0, 4e9])
def test_one_process_a_minute_tries_what_is_owed(tmp_path: Path, now: float) -> None:
    """S5: unless nothing was left, when the next debt is tried at once; nor does a clock that was put back matter."""
    first, second = SpoolFiles(tmp_path), SpoolFiles(tmp_path)
    assert first.claim(60.0, now=now)
    assert not second.claim(60.0, now=now + 30.0)
    assert not second.claim(60.0, now=now - 0.5)
    assert second.claim(60.0, now=now + 61.0)
    assert first.claim(60.0, now=now)
    first.disclaim()
    assert list(tmp_path.iterdir()) == []
    assert second.claim(60.0, now=now)
    assert first.pending() == []


def test_of_many_processes_at_once_one_tries(tmp_path: Path) -> None:
    """S5: and none of them fails."""
    code = (
        "import sys, time, pathlib; from plurimus.adapters.spool import SpoolFiles; sys.stdin.readline()\n"
        "for turn in range(40): print(SpoolFiles(pathlib.Path(sys.argv[1], str(turn))).claim(60.0, now=time.time()))"
    )
    for turn in range(40):
        (tmp_path / str(turn)).mkdir()
    command = [sys.executable, "-I", "-c", code, tmp_path]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [each.communicate(timeout=60.0)[0].split() for each in processes]
    assert [sorted(turn) for turn in zip(*said, strict=True)] == [["False"] * 3 + ["True"]] * 40


@pytest.mark.parametrize(("container", "ifname"), [("../c1", "eth0"), ("c1", "a/b"), ("", "eth0"), ("c1", "")])
def test_a_debt_leads_to_no_other_file(container: str, ifname: str, tmp_path: Path) -> None:
    with pytest.raises(PlurimusError):
        SpoolFiles(tmp_path).forget(container, ifname)


@pytest.mark.parametrize("what", ["pending", "forget", "set_aside", "tried", "claim", "disclaim"])
def test_a_spool_on_a_failing_disk_is_code_5(what: str, tmp_path: Path) -> None:
    """S5: as a folder where a file should be."""
    (tmp_path / "c1-eth0.json").mkdir()
    (tmp_path / ".tried").mkdir()
    spool = SpoolFiles(tmp_path)
    works: dict[str, Any] = {
        "pending": spool.pending,
        "forget": lambda: spool.forget("c1", "eth0"),
        "set_aside": lambda: spool.set_aside("missing.json"),
        "tried": lambda: spool.tried("x" * 300),
        "disclaim": spool.disclaim,
        "claim": lambda: spool.claim(60.0, now=0.0),
    }
    with pytest.raises(AttachmentError) as caught:
        works[what]()
    assert caught.value.code == Code.IO_FAILURE
