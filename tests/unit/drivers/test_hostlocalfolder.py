"""Leases while others change the folder, and after somebody was killed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from plurimus.cni.errors import AttachmentError
from plurimus.drivers.hostlocal.driver import HostLocal
from plurimus.drivers.hostlocal.known import UNNAMED

from .leases import files, folder, gc, give, put, request

LONG = "0123456789abcdef" * 4


@pytest.fixture
def driver(tmp_path: Path) -> HostLocal:
    return HostLocal(tmp_path)


async def test_what_others_change_is_seen_at_the_next_request(driver: HostLocal, tmp_path: Path) -> None:
    """The executable, another daemon, or a hand; however soon after the last look."""
    assert await give(driver, "a") == ["10.0.0.2"]
    put(tmp_path, at_10_0_0_3=b"b\r\nnet1", at_10_0_0_4=b"c\r\nnet1")
    assert await give(driver, "d") == ["10.0.0.5"]
    with pytest.raises(AttachmentError, match=r"10.0.0.3 has been allocated to b"):
        await give(driver, "b")
    (folder(tmp_path) / "10.0.0.3").unlink()
    assert await give(driver, "b") == ["10.0.0.6"]
    (folder(tmp_path) / "10.0.0.2").unlink()
    await driver.delete(request("DEL", "a"))
    with pytest.raises(AttachmentError, match="Failed to find"):
        await driver.check(request("CHECK", "a"))
    assert [await give(HostLocal(tmp_path), pod) for pod in "ae"] == [["10.0.0.7"], ["10.0.0.8"]]
    assert await give(driver, "f") == ["10.0.0.9"]


async def test_a_lease_that_was_written_over_is_not_its_old_owners(driver: HostLocal, tmp_path: Path) -> None:
    """This alone leaves the folder as it was."""
    assert await give(driver, "a") == ["10.0.0.2"]
    (folder(tmp_path) / "10.0.0.2").write_bytes(b"b\r\nnet1")
    await driver.delete(request("DEL", "a"))
    assert files(tmp_path)["10.0.0.2"] == b"b\r\nnet1"
    await driver.delete(request("DEL", "b"))
    assert "10.0.0.2" not in files(tmp_path)


async def test_a_folder_that_is_made_anew_is_a_new_one(driver: HostLocal, tmp_path: Path) -> None:
    await give(driver, "a")
    for path in folder(tmp_path).iterdir():
        path.unlink()
    folder(tmp_path).rmdir()
    await driver.delete(request("DEL", "a"))
    assert await give(driver, "b") == ["10.0.0.2"]
    assert files(tmp_path)["10.0.0.2"] == b"b\r\nnet1"


async def test_a_folder_that_becomes_a_link_is_followed_below_the_root(driver: HostLocal, tmp_path: Path) -> None:
    await give(driver, "a")
    (tmp_path / "data").mkdir()
    folder(tmp_path).parent.rename(tmp_path / "data/moved")
    folder(tmp_path).parent.symlink_to("/data/moved")
    assert await give(driver, "b") == ["10.0.0.3"]
    assert (tmp_path / "data/moved/net/10.0.0.3").exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"kept free", b"x" * 10_000])
async def test_a_file_without_an_owner_keeps_its_address_from_being_given(
    driver: HostLocal, tmp_path: Path, content: bytes
) -> None:
    """An executable that is killed leaves an empty one; whoever wants an address kept free writes one."""
    put(tmp_path, at_10_0_0_2=content)
    assert await give(driver, "a") == ["10.0.0.3"]
    with capture_logs() as logs:
        await driver.collect(gc(("a", "net1")))
    assert files(tmp_path)["10.0.0.2"] == content
    assert [each["addresses"] for each in logs] == ([] if content.strip() else [["10.0.0.2"]])


async def test_what_a_killed_add_of_ours_leaves_is_nobodys_address(driver: HostLocal, tmp_path: Path) -> None:
    """Before the lease has its address for a name, or after, when it has two."""
    put(tmp_path)
    (folder(tmp_path) / UNNAMED).write_bytes(b"killed\r\nnet1")
    with pytest.raises(AttachmentError, match="Failed to find"):
        await driver.check(request("CHECK", "killed"))
    assert await give(driver, "a") == ["10.0.0.2"]
    os.link(folder(tmp_path) / "10.0.0.2", folder(tmp_path) / UNNAMED)
    assert await give(driver, "b") == ["10.0.0.3"]
    assert files(tmp_path) == {"10.0.0.2": b"a\r\nnet1", "10.0.0.3": b"b\r\nnet1", "last_reserved_ip.0": b"10.0.0.3"}


async def test_the_del_of_a_killed_add_takes_the_lease_away_that_has_no_address_yet(
    driver: HostLocal, tmp_path: Path
) -> None:
    assert await give(driver, "a") == ["10.0.0.2"]
    (folder(tmp_path) / UNNAMED).write_bytes(b"")
    await driver.delete(request("DEL", "killed"))
    assert UNNAMED not in files(tmp_path)
    assert "10.0.0.2" in files(tmp_path)


async def test_what_is_no_lease_is_left_alone(driver: HostLocal, tmp_path: Path) -> None:
    put(tmp_path)
    outside = tmp_path / "outside"
    outside.write_bytes(b"a\r\nnet1")
    (folder(tmp_path) / "10.0.0.2").symlink_to(outside)
    (folder(tmp_path) / "10.0.0.3").mkdir()
    (folder(tmp_path) / "10.0.0.3/10.0.0.9").write_bytes(b"a\r\nnet1")
    os.mkfifo(folder(tmp_path) / "10.0.0.4")
    assert await give(driver, "a") == ["10.0.0.5"]
    await driver.delete(request("DEL", "a"))
    await driver.collect(gc())
    assert outside.exists()
    assert (folder(tmp_path) / "10.0.0.3/10.0.0.9").exists()
    assert {"10.0.0.2", "10.0.0.3", "10.0.0.4"} < {path.name for path in folder(tmp_path).iterdir()}


async def test_gc_takes_the_leases_of_attachments_that_are_gone(driver: HostLocal, tmp_path: Path) -> None:
    for pod, ifname in (("a", "net1"), ("a", "net2"), ("b", "net1")):
        await give(driver, pod, ifname)
    put(tmp_path, at_10_0_0_7=LONG.encode(), at_10_0_0_8=b"note", notes=b"gone\r\nnet1")
    await driver.collect(gc(("a", "net1"), (LONG, "eth0")))
    assert set(files(tmp_path)) == {"10.0.0.2", "10.0.0.7", "10.0.0.8", "notes", "last_reserved_ip.0"}
    await driver.collect(request("GC"))  # it is not told what lives
    await driver.collect(gc())
    assert set(files(tmp_path)) == {"10.0.0.8", "notes", "last_reserved_ip.0"}
    await driver.collect(gc(network="other"))
    assert not folder(tmp_path, "other").exists()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """The lock of the network, held by somebody else."""
    put(tmp_path)
    handle = os.open(folder(tmp_path) / "lock", os.O_CREAT | os.O_RDONLY, 0o750)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield handle
    os.close(handle)


async def waiting(root: Path) -> None:
    """Wait until a request has the lock open, too."""
    lock = (folder(root) / "lock").stat().st_ino
    while sum(inode(handle) == lock for handle in Path("/proc/self/fd").iterdir()) < 2:
        await asyncio.sleep(0)


def inode(handle: Path) -> int:
    """Of an open file; 0 for one that has been closed meanwhile."""
    try:
        return handle.stat().st_ino
    except OSError:
        return 0


async def test_the_lock_of_the_plugin_is_waited_for(driver: HostLocal, tmp_path: Path, held: int) -> None:
    giving = asyncio.create_task(give(driver))
    await waiting(tmp_path)
    put(tmp_path, at_10_0_0_2=b"theirs\r\nnet1")
    fcntl.flock(held, fcntl.LOCK_UN)
    assert await giving == ["10.0.0.3"]


@pytest.mark.usefixtures("held")
async def test_a_lock_that_is_never_given_back_is_named(tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match=r"net/lock is held by another process for more than 0.05 s") as busy:
        await give(HostLocal(tmp_path, timeout=0.05))
    assert busy.value.code == 11


async def test_a_cancelled_add_leaves_no_address_behind(driver: HostLocal, tmp_path: Path, held: int) -> None:
    giving = asyncio.create_task(give(driver))
    await waiting(tmp_path)
    giving.cancel()
    await asyncio.sleep(0)
    fcntl.flock(held, fcntl.LOCK_UN)
    with pytest.raises(asyncio.CancelledError):
        await giving
    assert set(files(tmp_path)) <= {"last_reserved_ip.0"}
    assert await give(driver)


@contextmanager
def no_room() -> Iterator[None]:
    """A limit for the size of files, at which a write ends early; pytest's own output may be such a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_an_address_whose_lease_cannot_be_written_is_not_given(driver: HostLocal, tmp_path: Path) -> None:
    with (
        no_room(),
        pytest.raises(AttachmentError, match=r"cannot keep leases in .*/net: No space left on device") as failed,
    ):
        await give(driver, "a")
    assert failed.value.code == 5
    assert files(tmp_path) == {}
    with no_room(), pytest.raises(AttachmentError, match=r"cannot keep leases in .*/net: No space left on device"):
        await give(driver, "a", "b")  # the lease is short enough, what says which was given last is not
    assert [name for name in files(tmp_path) if not name.startswith("last")] == []


async def test_a_folder_of_many_leases_is_read_once(driver: HostLocal, tmp_path: Path) -> None:
    """Counted by the time of last access, which reading sets where it is older than the last change."""
    put(tmp_path, **{f"at_10_0_1_{n}": f"pod-{n}\r\nnet1".encode() for n in range(100)})
    files_there = [path for path in folder(tmp_path).iterdir() if path.name.startswith("10.")]
    await give(driver, "a")
    long_ago = time.time_ns() - 10**15
    for path in files_there:
        os.utime(path, ns=(long_ago, long_ago + 1))
    for pod in "bcd":
        await give(driver, pod)
    await driver.delete(request("DEL", "c"))
    assert {path.stat().st_atime_ns for path in files_there} == {long_ago}


async def test_folders_of_networks_that_nobody_asks_for_are_not_known_for_ever(tmp_path: Path) -> None:
    """Who writes definitions chooses the names of networks; what is forgotten is read anew."""
    driver = HostLocal(tmp_path, folders=2)
    for number in range(5):
        assert await give(driver, network=f"net{number}") == ["10.0.0.2"]
    assert len(driver.known_folders) == 2
    assert await give(driver, "b", network="net0") == ["10.0.0.3"]
    assert driver.known_folders[-1].endswith("/net0")
