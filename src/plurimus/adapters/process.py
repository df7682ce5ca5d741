"""Run one program to its end: bounded in time and output, cancelled with all its children.

The loop never waits for the program: its exit is a readable pidfd, its output two pipes.  Input
comes from a memory file, so that a program which never reads it cannot block anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import termios
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

MOST_OUTPUT = 16 * 2**20
_UNHEARD = 0.05
"""Seconds a program may run before anybody listens to what it writes."""
_LAST = 1.0
"""Seconds in which a program whose caller is cancelled may get to its end.

Most plugins take a tenth of that, and one that is killed between two steps may leave what its DEL does not find:
host-local makes a lease's file before it writes whose it is.
"""
_PAUSE = 0.01
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""What Python ignores, and a plugin must not inherit as ignored."""
_OWN = ("OTEL_", "_HEADERS")
"""How a variable begins and ends that has what the daemon shows a collector of traces: a secret, and nobody else's."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended; `status` is negative for a signal, as `os.waitstatus_to_exitcode` gives it."""

    status: int
    stdout: bytes
    stderr: bytes


class Watch(Protocol):
    """Told of a program as long as it runs."""

    def started(self, pid: int) -> None: ...

    def ended(self, pid: int, most: int) -> None:
        """`most` is the most bytes that it, or one of its children, or this process had in memory at a time."""


class OutputTooLong(Exception):
    """The program wrote more than `MOST_OUTPUT` bytes and was ended."""


def inherited() -> dict[str, str]:
    """What every program gets of this process's environment: all but what is `_OWN`."""
    begin, end = _OWN
    return {key: value for key, value in os.environ.items() if not (key.startswith(begin) and key.endswith(end))}


async def run(
    argv: Sequence[str], *, env: Mapping[str, str], stdin: bytes, timeout: float, watch: Watch | None = None
) -> Finished:
    """Run `argv` in a process group of its own; `timeout` is seconds.

    Raises:
        OSError: it cannot be started, or not be watched, and was ended then.
        TimeoutError, OutputTooLong: it was ended, with every process of its group.
        asyncio.CancelledError: the same, for a cancelled request, `_LAST` seconds later unless it ended before; what it
            left of its group is ended all the same.
    """
    with _Output() as out, _Output() as err:
        try:
            pid = _start(argv, env, stdin, out, err)
        finally:
            out.close_writer()
            err.close_writer()
        if watch is not None:
            watch.started(pid)
        status = await _ended(pid, (out, err), timeout, watch)
        return Finished(status, out.content(), err.content())


def _start(argv: Sequence[str], env: Mapping[str, str], stdin: bytes, out: _Output, err: _Output) -> int:
    """The new process; posix_spawn, since a fork would copy the daemon's page tables first."""
    source = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        with open(source, "wb", closefd=False) as file:
            file.write(stdin)
        os.lseek(source, 0, os.SEEK_SET)
        streams = [(os.POSIX_SPAWN_DUP2, ours, theirs) for theirs, ours in enumerate((source, out.writer, err.writer))]
        return os.posix_spawnp(argv[0], list(argv), env, file_actions=streams, setpgroup=0, setsigdef=_IGNORED)
    finally:
        os.close(source)


async def _ended(pid: int, outputs: Sequence[_Output], timeout: float, watch: Watch | None) -> int:
    """The exit status of the program itself; children that keep its output open are not waited for."""
    loop = asyncio.get_running_loop()
    try:
        pidfd, ended = _watched(loop, pid)
    except OSError:
        try:
            await _end_unwatched(pid)
        finally:
            if watch is not None:
                watch.ended(pid, 0)
        raise
    # most programs write less than a pipe holds and end: one wake-up instead of one for each stream and each write
    listening = loop.call_later(_UNHEARD, _listen, loop, outputs, ended)
    try:
        async with asyncio.timeout(timeout):
            await ended
    except BaseException as error:
        killing = loop.call_later(_LAST if isinstance(error, asyncio.CancelledError) else 0, _kill, pid)
        # a killed program may stay in the kernel for a while; its number is free only once it has gone
        gone = _readable(loop, pidfd)
        cancelled = await _through(gone.done, lambda: asyncio.shield(gone))
        killing.cancel()
        _kill(pid)  # what it left behind
        _reap(pid, watch)
        if cancelled is not None:
            raise cancelled from error
        raise
    finally:
        listening.cancel()
        loop.remove_reader(pidfd)
        os.close(pidfd)
        for output in outputs:
            loop.remove_reader(output.reader)
    return _reap(pid, watch)


def _listen(loop: asyncio.AbstractEventLoop, outputs: Sequence[_Output], ended: asyncio.Future[None]) -> None:
    for output in outputs:
        output.listen(loop, ended)


def _watched(loop: asyncio.AbstractEventLoop, pid: int) -> tuple[int, asyncio.Future[None]]:
    """A descriptor of the process, and a future that is done once the process has ended."""
    pidfd = os.pidfd_open(pid)
    try:
        return pidfd, _readable(loop, pidfd)
    except OSError:
        os.close(pidfd)
        raise


async def _end_unwatched(pid: int) -> None:
    """End a program; without a descriptor one can but look again."""
    _kill(pid)
    cancelled = await _through(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, lambda: asyncio.sleep(_PAUSE))
    if cancelled is not None:
        raise cancelled


async def _through(is_over: Callable[[], bool], wait: Callable[[], Awaitable[None]]) -> asyncio.CancelledError | None:
    """Wait until it `is_over`, however often the caller is cancelled meanwhile: how it was, to be raised then."""
    cancelled = None
    while not is_over():
        try:
            await wait()
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _kill(pid: int) -> None:
    """End a program, and every process of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _reap(pid: int, watch: Watch | None) -> int:
    _, status, used = os.wait4(pid, 0)
    if watch is not None:
        watch.ended(pid, used.ru_maxrss * 1024)
    return os.waitstatus_to_exitcode(status)


def _readable(loop: asyncio.AbstractEventLoop, descriptor: int) -> asyncio.Future[None]:
    """A future that is done once `descriptor` can be read."""
    future: asyncio.Future[None] = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_reader(descriptor, ready)
    return future


class _Output:
    """One pipe and what came out of it."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.reader, False)
        self._data = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_writer()
        os.close(self.reader)

    def close_writer(self) -> None:
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def listen(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        loop.add_reader(self.reader, self._on_data, loop, ended)

    def content(self) -> bytes:
        """All that was written until now; a child that goes on writing is not listened to.

        Raises:
            OutputTooLong: it is more than `MOST_OUTPUT`.
        """
        waiting = int.from_bytes(fcntl.ioctl(self.reader, termios.FIONREAD, bytes(4)), sys.byteorder)
        while waiting > 0:
            waiting -= self._read()
        if len(self._data) > MOST_OUTPUT:
            raise OutputTooLong
        return bytes(self._data)

    def _on_data(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[None]) -> None:
        if not self._read():
            loop.remove_reader(self.reader)
        elif len(self._data) > MOST_OUTPUT and not ended.done():
            ended.set_exception(OutputTooLong())

    def _read(self) -> int:
        """How many bytes there were; what is above the limit is dropped."""
        data = os.read(self.reader, 65536)
        self._data += data[: max(0, MOST_OUTPUT + 1 - len(self._data))]
        return len(data)
