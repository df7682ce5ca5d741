"""Files that must survive a crash: written whole or not at all; the records of sandboxes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from plurimus.adapters import files
from plurimus.adapters.records import RecordFiles
from plurimus.cni.errors import AttachmentError, Code, PlurimusError


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole(durable: bool, tmp_path: Path) -> None:
    """S6: for root alone, and nothing else is left."""
    path = tmp_path / "file"
    path.write_text("old")
    before = path.stat().st_ino
    files.replace(path, b"new", durable=durable)
    assert (path.read_bytes(), mode(path), names(tmp_path)) == (b"new", 0o600, ["file"])
    assert path.stat().st_ino != before


def test_who_reads_while_a_file_is_replaced_sees_one_or_the_other(tmp_path: Path) -> None:
    """S6: whoever has opened the old file reads the old file to its end."""
    path = tmp_path / "file"
    files.replace(path, b"old" * 100_000, durable=False)
    with path.open("rb") as reader:
        half = reader.read(1000)
        files.replace(path, b"new" * 100_000, durable=False)
        assert half + reader.read() == b"old" * 100_000


@pytest.mark.parametrize("durable", [True, False])
def test_a_write_that_fails_leaves_the_old_file(durable: bool, tmp_path: Path) -> None:
    """S6: a full disk, for one."""
    path = tmp_path / "file"
    path.write_text("old")
    (tmp_path / ".file.tmp").symlink_to("/dev/full")
    with pytest.raises(AttachmentError, match=f"cannot write {path}: No space left on device") as caught:
        files.replace(path, b"new" * 10_000, durable=durable)
    assert caught.value.code == Code.IO_FAILURE
    assert (path.read_text(), names(tmp_path)) == ("old", ["file"])


def test_long_names_that_begin_alike_are_written_side_by_side(tmp_path: Path) -> None:
    """Network, container ID and interface make a name of up to 255 bytes, and what differs may be its end."""
    long = "n" * 120 + "-" + "c" * 128
    held = [files.temporary_name(f"{long}-net{number}") for number in (1, 2)]
    assert len({*held, *(files.temporary_name(f"{long}-é{number}") for number in (1, 2))}) == 4
    (tmp_path / held[0]).mkdir()  # another thread is at it
    files.replace(tmp_path / f"{long}-net2", b"2", durable=False)
    assert (tmp_path / f"{long}-net2").read_bytes() == b"2"


def test_a_folder_is_made_for_root_alone(tmp_path: Path) -> None:
    """F13."""
    files.make_folder(tmp_path / "a/b")
    files.make_folder(tmp_path / "a/b")
    assert mode(tmp_path / "a/b") == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(AttachmentError, match="cannot create"):
        files.make_folder(tmp_path / "file/below")


async def test_a_record_is_a_file_with_the_name_of_the_container(tmp_path: Path) -> None:
    """F13: as Multus has it."""
    records = RecordFiles(tmp_path / "state")
    assert await records.load("cid1") is None
    assert await records.container_ids() == []
    await records.store("cid1", b"[]")
    assert ((tmp_path / "state/cid1").read_bytes(), mode(tmp_path / "state/cid1")) == (b"[]", 0o600)
    assert mode(tmp_path / "state") == 0o700
    assert await records.load("cid1") == b"[]"
    await records.remove("cid1")
    await records.remove("cid1")
    assert await records.load("cid1") is None


async def test_an_unreadable_record_is_kept_but_is_no_record_any_more(tmp_path: Path) -> None:
    """S6."""
    records = RecordFiles(tmp_path)
    await records.store("cid1", b"torn")
    aside = await records.set_aside("cid1")
    assert Path(aside).read_bytes() == b"torn"
    assert await records.load("cid1") is None
    assert await records.container_ids() == []


async def test_the_sandboxes_with_a_record_are_listed(tmp_path: Path) -> None:
    """F5: the result cache, the spool and what nobody here wrote are no sandboxes."""
    records = RecordFiles(tmp_path)
    for container in ("b", "a"):
        await records.store(container, b"[]")
    for folder in ("results", ".spool"):
        (tmp_path / folder).mkdir()
    for foreign in (".b.tmp", "notes of mine", "a~", "-x"):
        (tmp_path / foreign).write_text("")
    assert await records.container_ids() == ["a", "b"]


@pytest.mark.parametrize("container", ["", ".", "..", "a/b", "../a", "-a", "a b", "results"])
async def test_a_container_id_leads_to_no_other_file(container: str, tmp_path: Path) -> None:
    """Spec section 1.2: it becomes a file name; `results` is the cache's folder."""
    records = RecordFiles(tmp_path / "state")
    for work in (records.store(container, b"[]"), records.load(container), records.remove(container)):
        with pytest.raises(PlurimusError):
            await work
    assert names(tmp_path) == []


async def test_a_disk_that_fails_is_code_5(tmp_path: Path) -> None:
    """S6: a record that cannot be read is not a missing one."""
    (tmp_path / "cid1").mkdir()
    records = RecordFiles(tmp_path)
    for work in (records.load("cid1"), records.store("cid1", b""), records.remove("cid1")):
        with pytest.raises(AttachmentError, match=f"{tmp_path}/cid1: ") as caught:
            await work
        assert caught.value.code == Code.IO_FAILURE


async def test_records_are_written_at_the_same_time(tmp_path: Path) -> None:
    """F13: of several sandboxes."""
    records = RecordFiles(tmp_path)
    await asyncio.gather(*(records.store(f"c{number}", str(number).encode()) for number in range(20)))
    assert [await records.load(f"c{number}") for number in range(20)] == [str(n).encode() for n in range(20)]


async def test_what_was_half_written_long_ago_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    """The shim's has the number of its process at its end."""
    old = [".c1.tmp", "results/.a-c1-eth0.tmp", ".spool/.c1-eth0.4711"]
    kept = ["c1", ".c2.unreadable", "results/a-c1-eth0", ".spool/c1-eth0.json", ".spool/.tried", ".c3.tmp"]
    for name in (*old, *kept):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("content")
        if name != ".c3.tmp":  # which somebody is writing now
            os.utime(path, (1000, 1000))
    records = RecordFiles(tmp_path)
    await records.tidy()
    assert not [name for name in old if (tmp_path / name).exists()]
    assert [name for name in kept if (tmp_path / name).exists()] == kept
    assert await records.aside_paths() == [str(tmp_path / ".c2.unreadable")]
