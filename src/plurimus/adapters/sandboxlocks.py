"""One request at a time for each sandbox, among processes that each serve one; implements `ports.SandboxLocks`.

A lock is a locked file, so it ends with its process, however that ends.  A second one, hidden, is handed down to
the plugins: those of a process that was killed go on, and the next request of the sandbox waits for them a while,
since a DEL beside an ADD would free an address before it is taken.

A process that a DEL may end writes its number into its lock, and gets SIGTERM from a DEL that finds it there.  One
that waits for the lock gets it once it has the lock, if the DEL still waits then.

What keeps GC and new attachments apart is a lock of the folder itself, shared by those that record.  It ends with its
process, too, and a plugin's GC that outlives a killed one is not waited for: it knows nothing of what begins then.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import structlog

from plurimus.adapters import files
from plurimus.cni import args

_FIRST_PAUSE, _MOST_PAUSE = 0.005, 0.1
_log = structlog.get_logger(__name__)


class FileLocks:
    """The locks in `folder`; plugins that outlive their request are waited for `orphans` seconds."""

    def __init__(self, folder: Path, *, orphans: float = 10.0) -> None:
        self._folder = folder
        self._orphans = orphans

    @asynccontextmanager
    async def hold(
        self, container_id: str, *, can_end: bool = False, ends: bool = False, looks: bool = False
    ) -> AsyncIterator[None]:
        path = self._folder / args.check_container_id(container_id)
        files.make_folder(self._folder)
        plugins = path.with_name(f".{path.name}")
        take = partial(_taken_from, asked=set()) if ends else files.lock
        taken = await _taken(path, "another request of this sandbox is under way; waiting for it", take)
        with _given_back(path, taken):
            if can_end:
                _sign(taken)
            with _given_back(plugins, await self._plugins(plugins)):
                yield

    def busy(self) -> set[str]:
        try:
            names = [entry.name for entry in self._folder.iterdir()]
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise files.io_error(self._folder, "list", error) from error
        return {name for name in names if name[0] != "." and self._is_held(name)}

    def recording(self) -> AbstractAsyncContextManager[None]:
        return self._folder_held(fcntl.LOCK_SH)

    def standstill(self) -> AbstractAsyncContextManager[None]:
        return self._folder_held(fcntl.LOCK_EX)

    @asynccontextmanager
    async def _folder_held(self, how: int) -> AsyncIterator[None]:
        files.make_folder(self._folder)
        why = "GC and new attachments wait for each other"
        taken = await _taken(self._folder, why, partial(_lock_folder, how=how))
        try:
            yield
        finally:
            os.close(taken)

    def tidy(self) -> None:
        """Remove what requests that were killed have left; what is held stays.

        Raises:
            AttachmentError: the disk refuses.
        """
        for path in list(self._folder.iterdir()) if self._folder.is_dir() else []:
            _clear(path)

    def _is_held(self, name: str) -> bool:
        """Whether a request has the sandbox; what one that was killed has left is removed."""
        free = _clear(self._folder / name)
        if free:
            _clear(self._folder / f".{name}")
        return not free

    async def _plugins(self, path: Path) -> int:
        """What the plugins of this request hold as long as they run."""
        try:
            async with asyncio.timeout(self._orphans):
                taken = await _taken(path, "a plugin of a request that was killed still runs; waiting for it")
        except TimeoutError:
            _log.warning("going on beside it", seconds=self._orphans)
            _forget(path)
            taken = await _taken(path, "")
        os.set_inheritable(taken, True)
        return taken


async def _taken(path: Path, held: str, take: Callable[[Path], int | None] = files.lock) -> int:
    """The lock at `path`; `held` is what to log where somebody has it."""
    pause = _FIRST_PAUSE
    while (taken := take(path)) is None:
        if pause == _FIRST_PAUSE:
            _log.info(held, lock=str(path))
        await asyncio.sleep(pause)
        pause = min(2 * pause, _MOST_PAUSE)
    return taken


def _sign(taken: int) -> None:
    """Say in a lock who has it; on a full disk a DEL waits, as it does for all others."""
    with contextlib.suppress(OSError):
        os.pwrite(taken, f"{os.getpid()} {_started(os.getpid())}\n".encode(), 0)


def _taken_from(path: Path, asked: set[bytes]) -> int | None:
    """`files.lock`, where the process that has signed the lock is asked to end, once."""
    taken = files.lock(path)
    if taken is None:
        with contextlib.suppress(OSError, ValueError):
            _ask_to_end(path, asked)
    return taken


def _ask_to_end(path: Path, asked: set[bytes]) -> None:
    """Send SIGTERM to who has signed the lock at `path`; OSError or ValueError where nobody has.

    The signature may be of a process that was killed, whose number another one may have by now: so it has the time of
    its start, too, and that is looked at once a descriptor of the process is there, which stays its own.
    """
    signed, _, _ = files.read(path).partition(b"\n")
    number, started = signed.split()
    process = os.pidfd_open(int(number))
    try:
        if signed not in asked and _started(int(number)) == started.decode():
            signal.pidfd_send_signal(process, signal.SIGTERM)
            asked.add(signed)
            _log.info("asked the ADD of this sandbox to end, which a DEL makes void", process=int(number))
    finally:
        os.close(process)


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks: proc(5), `starttime`."""
    return files.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[19].decode()


def _lock_folder(path: Path, how: int) -> int | None:
    """The folder, open, and locked as `how` says until it is closed; None where it cannot be so now."""
    taken = None
    try:
        taken = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(taken, how | fcntl.LOCK_NB)
    except OSError as error:
        if taken is not None:
            os.close(taken)
        if isinstance(error, BlockingIOError):
            return None
        raise files.io_error(path, "lock", error) from error
    return taken


def _clear(path: Path) -> bool:
    """Whether nobody has the lock at `path`, which is then removed."""
    try:
        taken = files.lock(path, create=False)
    except FileNotFoundError:
        return True
    if taken is None:
        return False
    with _given_back(path, taken):
        return True


@contextmanager
def _given_back(path: Path, taken: int) -> Iterator[None]:
    """Give a lock back at the end: its name first, so that who waits takes a new one."""
    try:
        yield
    finally:
        _forget(path)
        os.close(taken)


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
