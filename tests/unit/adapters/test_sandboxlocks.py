"""Locks of sandboxes among processes: two values in one process are as two processes, since each opens the file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from plurimus.adapters import process
from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.cni.errors import AttachmentError, Code, PlurimusError

HOLD = """
import fcntl, sys
locked = open(sys.argv[1], "w")
fcntl.flock(locked, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def process_that_holds(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    path.parent.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == b"locked\n"
        try:
            yield it
        finally:
            it.kill()


async def test_a_sandbox_has_one_holder_at_a_time(tmp_path: Path) -> None:
    inside, most, folder = 0, 0, tmp_path / ".locks"

    async def use(container: str) -> None:
        nonlocal inside, most
        async with FileLocks(folder).hold(container):
            inside += container == "a"
            most = max(most, inside)
            assert FileLocks(folder).busy() >= {container}
            await asyncio.sleep(0.002)
            inside -= container == "a"

    await asyncio.gather(*(use(container) for container in "aaaab"))
    assert most == 1
    assert list(folder.iterdir()) == []
    assert FileLocks(folder).busy() == set()


async def test_a_failure_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="here"):
        async with FileLocks(tmp_path).hold("a"):
            raise ValueError("here")
    async with FileLocks(tmp_path).hold("a"):
        pass


async def test_another_process_is_waited_for_until_it_ends_however_it_does(tmp_path: Path) -> None:
    with process_that_holds(tmp_path / "a") as other:
        waiting = asyncio.create_task(_hold(FileLocks(tmp_path), "a"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert FileLocks(tmp_path).busy() == {"a"}
        other.kill()
        await waiting


async def test_a_file_that_nobody_holds_keeps_nobody_out(tmp_path: Path) -> None:
    """What a process leaves that was killed."""
    for name in ("a", ".a"):
        (tmp_path / name).touch()
    await _hold(FileLocks(tmp_path), "a")
    assert list(tmp_path.iterdir()) == []


async def test_who_looks_for_busy_sandboxes_removes_what_nobody_holds(tmp_path: Path) -> None:
    """F5: the sandboxes of processes that were killed may never be asked for again."""
    for name in ("a", ".a", "b", ".b"):
        (tmp_path / name).touch()
    with process_that_holds(tmp_path / ".b"), process_that_holds(tmp_path / "c"):
        assert FileLocks(tmp_path).busy() == {"c"}
        assert sorted(path.name for path in tmp_path.iterdir()) == [".b", "c"]


async def test_who_looks_for_busy_sandboxes_leaves_no_file_behind(tmp_path: Path) -> None:
    """F5: also where a sandbox is given back at that moment."""
    looking = asyncio.get_running_loop().run_in_executor(None, lambda: [FileLocks(tmp_path).busy() for _ in range(300)])
    while not looking.done():
        await asyncio.gather(*(_hold(FileLocks(tmp_path), name) for name in "abcdef"))
    await looking
    assert list(tmp_path.iterdir()) == []


async def test_the_plugins_of_a_request_hold_the_sandbox_as_long_as_they_run(tmp_path: Path) -> None:
    """S6: they inherit a lock, and only that one."""
    async with FileLocks(tmp_path).hold("a"):
        program = ["/bin/ls", "-l", "/proc/self/fd"]
        open_files = (await process.run(program, env={}, stdin=b"", timeout=30.0)).stdout.decode()
    found = [line.rpartition(" -> ")[2] for line in open_files.splitlines() if str(tmp_path) in line]
    assert found == [str(tmp_path / ".a")]


async def test_plugins_of_a_killed_request_are_waited_for_a_while(tmp_path: Path) -> None:
    """S6: a plugin that never ends must not keep its pod for ever."""
    with process_that_holds(tmp_path / ".a") as plugin:
        waiting = asyncio.create_task(_hold(FileLocks(tmp_path), "a"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        plugin.kill()
        await waiting
    with process_that_holds(tmp_path / ".a"), capture_logs() as logs:
        await _hold(FileLocks(tmp_path, orphans=0.05), "a")
    assert [line["event"] for line in logs] == [
        "a plugin of a request that was killed still runs; waiting for it",
        "going on beside it",
    ]


@pytest.mark.parametrize(("signed", "ended"), [("{pid} {start}", True), ("{pid} 1", False), ("", False), ("x", False)])
async def test_who_ends_others_asks_the_process_that_signed_the_lock(tmp_path: Path, signed: str, ended: bool) -> None:
    """A process that was killed has left its number, which by now may be that of another."""
    path = tmp_path / "a"
    with process_that_holds(path) as other:
        start = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        path.write_text(signed.format(pid=other.pid, start=start))
        waiting = asyncio.create_task(_hold(FileLocks(tmp_path), "a", ends=True))
        if ended:
            await waiting
            assert other.wait(30) == -signal.SIGTERM
            return
        await asyncio.sleep(0.05)
        assert other.poll() is None
        other.kill()
        await waiting


async def test_only_who_can_end_signs(tmp_path: Path) -> None:
    for can_end in (True, False):
        async with FileLocks(tmp_path).hold("a", can_end=can_end):
            assert (tmp_path / "a").read_text().startswith(f"{os.getpid()} ") is can_end


@pytest.mark.parametrize("container", ["../a", "", ".a"])
async def test_a_lock_leads_to_no_other_file(tmp_path: Path, container: str) -> None:
    with pytest.raises(PlurimusError):
        await _hold(FileLocks(tmp_path), container)


async def test_a_folder_that_cannot_be_used_is_code_5(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "file").touch()
    for locks in (FileLocks(tmp_path), FileLocks(tmp_path / "file")):
        with pytest.raises(AttachmentError) as caught:
            await _hold(locks, "a")
        assert caught.value.code == Code.IO_FAILURE
    with pytest.raises(AttachmentError):
        FileLocks(tmp_path / "file").busy()


async def _hold(locks: FileLocks, container: str, *, ends: bool = False) -> None:
    async with locks.hold(container, ends=ends):
        pass
