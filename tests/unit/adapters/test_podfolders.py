"""The files of a pod's containers: there before they start, gone afterwards, and no way out of the folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from plurimus.adapters.podfolders import RunPodFolders
from plurimus.cni.errors import AttachmentError

UID = "6f1c6d1e-7f0b-4a57-9f3b-0a7c1d2e3f40"


def pods(root: Path) -> Path:
    return root / "run/plurimus/pods"


def names(root: Path) -> list[str]:
    return sorted(path.name for path in pods(root).iterdir())


async def test_files_are_there_for_everybody_to_read_and_gone_with_their_sandbox(tmp_path: Path) -> None:
    folders = RunPodFolders(tmp_path)
    await folders.store(UID, "one", {"rdma.json": b"{}", "nccl.conf": b"#"})
    assert (pods(tmp_path) / UID / "rdma.json").read_bytes() == b"{}"
    assert (pods(tmp_path) / UID).stat().st_mode & 0o777 == 0o755
    assert (pods(tmp_path) / UID / "nccl.conf").stat().st_mode & 0o777 == 0o444
    await folders.remove(UID, "one")
    assert names(tmp_path) == []
    await folders.remove(UID, "one")


async def test_a_later_sandbox_of_the_pod_has_its_own_and_keeps_them(tmp_path: Path) -> None:
    folders = RunPodFolders(tmp_path)
    await folders.store(UID, "one", {"rdma.json": b"1", "nccl.conf": b"#"})
    await folders.store(UID, "two", {"rdma.json": b"2"})
    await folders.remove(UID, "one")
    assert [path.name for path in (pods(tmp_path) / UID).iterdir()] == ["rdma.json"]
    assert (pods(tmp_path) / UID / "rdma.json").read_bytes() == b"2"
    assert names(tmp_path) == [f".of-{UID}", UID]


@pytest.mark.parametrize("uid", ["", ".", "..", "../../etc", "a/b", ".of-x", "-x", "x" * 64, "a\n", "ä"])
async def test_a_uid_leads_nowhere_else(tmp_path: Path, uid: str) -> None:
    folders = RunPodFolders(tmp_path)
    with pytest.raises(AttachmentError, match="expected letters, digits and hyphens"):
        await folders.store(uid, "one", {"rdma.json": b"{}"})
    await folders.remove(uid, "one")
    assert list(tmp_path.iterdir()) == []


async def test_what_a_container_left_in_its_folder_leads_nowhere(tmp_path: Path) -> None:
    folders, precious = RunPodFolders(tmp_path), tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    await folders.store(UID, "one", {"rdma.json": b"1"})
    for name in ("rdma.json", ".rdma.json.tmp"):
        (pods(tmp_path) / UID / name).unlink(missing_ok=True)
        (pods(tmp_path) / UID / name).symlink_to(precious / "file")
    (pods(tmp_path) / UID / "folder").symlink_to(precious)
    os.mkfifo(pods(tmp_path) / UID / "pipe")
    await folders.store(UID, "two", {"rdma.json": b"2"})
    assert (precious / "file").read_text() == "kept"
    assert [path.name for path in (pods(tmp_path) / UID).iterdir()] == ["rdma.json"]
    (pods(tmp_path) / UID / "folder").symlink_to(precious)
    await folders.remove(UID, "two")
    assert (precious / "file").read_text() == "kept"
    assert names(tmp_path) == []


async def test_sweeping_removes_what_no_living_sandbox_has(tmp_path: Path) -> None:
    folders = RunPodFolders(tmp_path)
    await folders.sweep([])
    await folders.store(UID, "dead", {"rdma.json": b"1"})
    await folders.store("other", "alive", {"rdma.json": b"1"})
    await folders.sweep(["alive"])
    await folders.tidy()
    assert names(tmp_path) == [".of-other", "other"]


def deepen(folder: Path, depth: int = 1200) -> None:
    """As a container can, without a path that long."""
    start = os.open(folder, os.O_RDONLY)
    here = os.dup(start)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    os.close(start)


@pytest.mark.parametrize("what", ["another ADD", "DEL", "GC"])
async def test_no_depth_a_container_makes_is_too_deep(tmp_path: Path, what: str) -> None:
    folders = RunPodFolders(tmp_path)
    await folders.store(UID, "one", {"rdma.json": b"1"})
    deepen(pods(tmp_path) / UID)
    if what == "another ADD":
        await folders.store(UID, "two", {"rdma.json": b"2"})
        assert [path.name for path in (pods(tmp_path) / UID).iterdir()] == ["rdma.json"]
        assert names(tmp_path) == [f".of-{UID}", UID]
    elif what == "DEL":
        await folders.remove(UID, "one")
        assert names(tmp_path) == []
    else:
        await folders.sweep([])
        assert not (pods(tmp_path) / UID).exists()
        await folders.tidy()
        assert names(tmp_path) == []


async def test_the_loop_goes_on_while_a_folder_is_deleted(tmp_path: Path) -> None:
    folders, rounds = RunPodFolders(tmp_path), 0
    await folders.store(UID, "one", {"rdma.json": b"1"})
    for number in range(200):
        (pods(tmp_path) / UID / str(number)).mkdir()
    removing = asyncio.ensure_future(folders.remove(UID, "one"))
    while not removing.done():
        await asyncio.sleep(0)
        rounds += 1
    assert rounds > 2
    assert names(tmp_path) == []


async def test_what_cannot_be_taken_away_keeps_nothing_else_and_is_in_the_log(tmp_path: Path) -> None:
    folders = RunPodFolders(tmp_path)
    await folders.store(UID, "one", {"rdma.json": b"1"})
    await folders.store("other", "two", {"rdma.json": b"1"})
    (pods(tmp_path) / f".of-{UID}").unlink()
    (pods(tmp_path) / f".of-{UID}").mkdir()  # whose the folder is cannot be read, nor taken away
    with capture_logs() as logs:
        await folders.sweep([])
    assert [log["event"] for log in logs] == ["a pod's folder stays"]
    await folders.tidy()
    assert names(tmp_path) == [f".of-{UID}"]


async def test_sweeping_removes_what_killed_requests_left_and_nothing_that_is_being_made(tmp_path: Path) -> None:
    folders = RunPodFolders(tmp_path)
    pods(tmp_path).mkdir(parents=True)
    for left in (".new-dead", ".new-alive", ".old-0123456789abcdef"):
        (pods(tmp_path) / left / "deeper").mkdir(parents=True)
        (pods(tmp_path) / left / "deeper/rdma.json").touch()
    await folders.sweep(["alive"])
    await folders.tidy()
    assert names(tmp_path) == [".new-alive"]
    await folders.store(UID, "alive", {"rdma.json": b"1"})
    assert [path.name for path in (pods(tmp_path) / UID).iterdir()] == ["rdma.json"]
    assert names(tmp_path) == [f".of-{UID}", UID]


async def test_a_folder_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no folder")
    with pytest.raises(AttachmentError, match=r"cannot create .*/run/plurimus/pods"):
        await RunPodFolders(tmp_path).store(UID, "one", {})
