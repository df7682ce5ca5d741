"""What plugins have in memory, with the processes they start."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import pytest

from plurimus.adapters.needsfile import NeedsFile
from plurimus.adapters.plugins import Executables
from plurimus.adapters.processmemory import ProcessMemory
from plurimus.core.needs import Needs

from . import scripts

MIB = 2**20
HOLD = "import pathlib, sys, time\nheld = b'x' * (int(sys.argv[1]) << 20)\npathlib.Path(sys.argv[2]).touch()\n"
WAIT = "while pathlib.Path(sys.argv[3]).exists():\n    time.sleep(0.01)\n"


class Watched:
    """Plugins that hold some memory until they are told to end, and what was seen of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[tuple[str, int]] = []
        self.memory = ProcessMemory(lambda kind, most: self.seen.append((kind, most)))
        self.plugins = Executables(timeout=60, memory=self.memory)
        (folder / "hold.py").write_text(HOLD + WAIT)

    def holds(self, number: int) -> str:
        """A command that does, below the shell."""
        (self.folder / f"wait{number}").touch()
        return (
            f"{sys.executable} -IS {self.folder}/hold.py {number} {self.folder}/held{number} {self.folder}/wait{number}"
        )

    async def run(self, kind: str, body: str) -> asyncio.Task[bytes]:
        scripts.script(self.folder / kind, body)
        return asyncio.create_task(
            self.plugins.run(kind, env={"CNI_COMMAND": "ADD"}, stdin=b"", search=[str(self.folder)])
        )

    async def holding(self, *numbers: int) -> None:
        async with asyncio.timeout(60):
            while not all((self.folder / f"held{number}").exists() for number in numbers):
                await asyncio.sleep(0.01)

    def let_go(self, *numbers: int) -> None:
        for number in numbers:
            (self.folder / f"wait{number}").unlink()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_what_runs_counts_with_all_it_started(watched: Watched) -> None:
    before = watched.memory.now()
    task = await watched.run("nested", f"{watched.holds(20)} & {watched.holds(30)}; wait")
    await watched.holding(20, 30)
    assert 50 * MIB < watched.memory.now() < 120 * MIB
    async with asyncio.timeout(60):  # it is looked at while it runs
        while not any(run.most > 50 * MIB for run in watched.memory.runs):
            await asyncio.sleep(0.01)
    watched.let_go(20, 30)
    await task
    assert (before, watched.memory.now()) == (0, 0)
    ((kind, most),) = watched.seen
    assert kind == "nested"
    assert 50 * MIB < most < 120 * MIB


async def test_a_run_that_had_more_than_the_daemon_is_known_without_a_look(watched: Watched) -> None:
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for _ in range(4):  # which are watched closely
        await (await watched.run("large", "exit 0"))
    task = await watched.run("large", watched.holds(ours + 50).replace("wait", "none"))
    await task
    assert watched.seen[-1][1] > (ours + 40) * MIB


async def test_small_ones_do_not_count_as_much_as_the_daemon_that_started_them(watched: Watched) -> None:
    """A process shares the memory of the one that starts it, until exec; its rusage says so."""
    held = bytearray(300 * MIB)
    held[::4096] = b"x" * len(held[::4096])
    for _ in range(6):
        await (await watched.run("small", "exit 0"))
    assert all(most < 100 * MIB for _, most in watched.seen)


def test_what_was_learnt_is_there_for_the_next_daemon(tmp_path: Path) -> None:
    file = NeedsFile(tmp_path / "state/.needs.json")
    assert file.load().known == {}
    known = Needs()
    known.seen("cilium-cni", 55 * MIB)
    file.store(known)
    assert file.load().known == {"cilium-cni": 55 * MIB}


@pytest.mark.parametrize("content", [b"", b'{"version": 1, "byt', b'{"version": 9, "bytes": {}}'])
def test_a_broken_file_is_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".needs.json"
    path.write_bytes(content)
    assert NeedsFile(path).load().known == {}


def test_a_folder_that_cannot_be_written_to_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    NeedsFile(tmp_path / "file/.needs.json").store(Needs())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
