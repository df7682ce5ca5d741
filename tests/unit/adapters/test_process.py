"""One program, run to its end: what it is given, what comes back, and how it is ended."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from plurimus.adapters import process
from plurimus.adapters.process import MOST_OUTPUT, Finished, OutputTooLong

from . import scripts

PATIENCE = 60.0


async def run(*argv: str, stdin: bytes = b"", timeout: float = PATIENCE, **env: str) -> Finished:
    return await process.run(argv, env={"PATH": os.environ["PATH"], **env}, stdin=stdin, timeout=timeout)


async def shell(text: str, **options: object) -> Finished:
    return await run("/bin/sh", "-c", text, **options)  # type: ignore[arg-type]


async def test_output_and_status_come_back() -> None:
    assert await shell("echo out; echo err >&2; exit 3") == Finished(3, b"out\n", b"err\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGXFSZ])
async def test_a_signal_is_a_negative_status(number: signal.Signals) -> None:
    """Also those that Python ignores: the program is not born with that."""
    assert (await shell(f"kill -{number.value} $$; echo survived")).status == -number


async def test_the_environment_is_the_one_given() -> None:
    finished = await run("/usr/bin/env", CNI_IFNAME="eth0")
    assert sorted(finished.stdout.decode().split()) == ["CNI_IFNAME=eth0", f"PATH={os.environ['PATH']}"]


@pytest.mark.parametrize("size", [0, 1, 2**16, 2**22])
async def test_the_program_reads_all_of_its_input(size: int) -> None:
    sent = os.urandom(size)
    assert (await shell("cat", stdin=sent)).stdout == sent


async def test_a_program_that_never_reads_its_input_blocks_nobody() -> None:
    finished = await shell("echo done", stdin=b"x" * 2**22)
    assert finished.stdout == b"done\n"


async def test_the_program_gets_no_descriptor_of_this_process() -> None:
    """Beside its three streams: neither a file, nor a socket, nor the pipes of other programs."""
    with tempfile.TemporaryFile() as file, socket.socket() as channel:
        slow = asyncio.create_task(shell("read line", timeout=PATIENCE))
        finished = await shell("for n in $(seq 0 300); do [ ! -e /proc/$$/fd/$n ] || echo $n; done")
        await slow
        mine = {str(file.fileno()), str(channel.fileno())}
    has = set(finished.stdout.decode().split())
    assert {"0", "1", "2"} <= has
    assert not has & mine
    assert has <= {"0", "1", "2", *inherited()}


def inherited() -> set[str]:
    """What a program may have beside its streams: what this process itself was started with, for all to inherit."""
    return {
        each.name for each in Path("/proc/self/fd").iterdir() if each.exists() and os.get_inheritable(int(each.name))
    }


async def test_the_program_has_a_process_group_of_its_own() -> None:
    finished = await shell("cut -d' ' -f5 /proc/$$/stat; echo $$")
    group, pid = finished.stdout.split()
    assert group == pid


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_long_output_is_read_while_the_program_runs(stream: str) -> None:
    finished = await shell(f"head -c {MOST_OUTPUT} /dev/zero >&{stream}")
    assert finished.status == 0
    assert len(finished.stdout) + len(finished.stderr) == MOST_OUTPUT


@pytest.mark.parametrize("stream", ["1", "2"])
async def test_too_long_an_output_ends_the_program(stream: str) -> None:
    before = scripts.children()
    with pytest.raises(OutputTooLong):
        await shell(f"cat /dev/zero >&{stream}")
    assert scripts.children() <= before


async def test_output_that_is_too_long_only_at_the_end_is_too_long() -> None:
    """Not cut off and taken for the whole."""
    with pytest.raises(OutputTooLong):
        await shell(f"head -c {MOST_OUTPUT + 1} /dev/zero")


@pytest.mark.parametrize("how", ["deadline", "cancelled", "output"])
async def test_its_children_end_with_it(how: str, tmp_path: Path) -> None:
    """F22: a plugin that hangs often waits for a program of its own."""
    pid, before = tmp_path / "pid", scripts.children()
    endless = "cat /dev/zero" if how == "output" else "wait"
    text = f"(sleep 1000 & echo $! >{pid}; wait) & while [ ! -s {pid} ]; do sleep 0.01; done; {endless}"
    running = asyncio.create_task(shell(text, timeout=2 if how == "deadline" else PATIENCE))
    grandchild = await scripts.number_in(pid)
    if how == "cancelled":
        running.cancel()
    with pytest.raises({"deadline": TimeoutError, "cancelled": asyncio.CancelledError, "output": OutputTooLong}[how]):
        await running
    assert await scripts.ended(grandchild)
    assert scripts.children() <= before


async def test_a_cancelled_program_that_is_nearly_done_gets_there(tmp_path: Path) -> None:
    """host-local makes a lease's file before it writes whose it is; an empty one nobody ever gives back."""
    begun, lease = tmp_path / "begun", tmp_path / "lease"
    running = asyncio.create_task(shell(f": >{lease}; echo $$ >{begun}; sleep 0.1; echo owner >{lease}"))
    await scripts.number_in(begun)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert lease.read_text() == "owner\n"


async def test_several_cancellations_leave_no_process_behind(tmp_path: Path) -> None:
    pid, before = tmp_path / "pid", scripts.children()
    running = asyncio.create_task(shell(f"echo $$ >{pid}; exec sleep 1000"))
    program = await scripts.number_in(pid)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await scripts.ended(program)
    assert scripts.children() <= before


@pytest.mark.parametrize("daemon", ["sleep 1000", "yes"])
async def test_a_daemon_that_holds_the_output_is_not_waited_for(daemon: str, tmp_path: Path) -> None:
    """Some IPAM plugins start one; however much it writes, this process goes on."""
    pid = tmp_path / "pid"
    finished = await shell(f"echo out; setsid {daemon} & echo $! >{pid}")
    left = await scripts.number_in(pid)
    try:
        assert finished.status == 0
        assert finished.stdout.startswith(b"out\n")
    finally:
        scripts.end(left)


@pytest.mark.parametrize(
    ("mode", "interpreter", "error"),
    [
        pytest.param(None, "", FileNotFoundError, id="missing"),
        pytest.param(0o644, "/bin/sh", PermissionError, id="not-executable"),
        pytest.param(0o755, "/nonexistent/sh", FileNotFoundError, id="no-interpreter"),
    ],
)
async def test_a_program_that_cannot_be_started_is_an_error(
    mode: int | None, interpreter: str, error: type[OSError], tmp_path: Path
) -> None:
    path = tmp_path / "plugin"
    if mode is not None:
        scripts.script(path, "exit 0", shell=interpreter, mode=mode)
    before, descriptors = scripts.children(), scripts.descriptors()
    with pytest.raises(error):
        await run(str(path))
    assert scripts.descriptors() == descriptors
    assert scripts.children() <= before


@pytest.mark.parametrize("free", range(5))
async def test_without_descriptors_no_program_starts_and_none_is_lost(free: int) -> None:
    """Two pipes, and a file with the input."""
    before, limits = scripts.descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)
    probes = [os.open("/dev/null", os.O_RDONLY) for _ in range(free + 1)]
    for each in probes:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probes[-1], limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            await run("/bin/true")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert scripts.descriptors() == before


class Full(asyncio.SelectorEventLoop):
    """A loop on a node where no more can be waited for."""

    def add_reader(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_program_that_cannot_be_watched_is_ended() -> None:
    before, descriptors = scripts.children(), scripts.descriptors()
    with asyncio.Runner(loop_factory=Full) as runner, pytest.raises(OSError, match="No space left"):
        runner.run(run("/bin/sleep", "1000"))
    assert scripts.children() <= before
    assert scripts.descriptors() == descriptors


def test_who_is_cancelled_while_such_a_program_ends_is_cancelled() -> None:
    async def cancelled() -> None:
        running = asyncio.create_task(run("/bin/sleep", "1000"))
        await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError if running.cancel() else OSError):
            await running

    before = scripts.children()
    with asyncio.Runner(loop_factory=Full) as runner:
        runner.run(cancelled())
    assert scripts.children() <= before


async def test_who_is_cancelled_while_a_program_ends_that_took_too_long_is_cancelled() -> None:
    before = scripts.children()
    running = asyncio.create_task(run("/bin/sleep", "1000", timeout=0))
    while scripts.children() <= before:
        await asyncio.sleep(0)
    for _ in range(2):  # its time is over, and it is told so
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scripts.children() <= before


async def test_many_run_at_once_and_leave_no_descriptor() -> None:
    before = scripts.descriptors()
    finished = await asyncio.gather(*(shell(f"echo {number}; exit {number}") for number in range(20)))
    assert [(each.status, each.stdout) for each in finished] == [(n, f"{n}\n".encode()) for n in range(20)]
    assert scripts.descriptors() == before
