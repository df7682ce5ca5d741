"""Threads that may enter network namespaces themselves, and are back in the process's own before they do other work.

A thread made for one visit costs some 200 us, a visit of a thread that is there already 15.  Others than these threads
never are in another namespace (`adapters.netns`).

kernel: setns(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
_OWN = "/proc/thread-self/ns/net"
LONG = 0.005
"""Seconds, after which a job that should be short is taken to wait for something; most need half of one thousandth.

Where all is slow, more threads get more of the processors: with 20 ms a burst of pods took a third longer.
"""
_MOST = 16
_PAUSE = 0.05
_libc = ctypes.CDLL(None, use_errno=True)  # os.setns exists from Python 3.12 on


class Lost(Exception):
    """The thread could not go back where it came from; what its work did is done."""


class _Here(threading.local):
    """Where a thread is: a descriptor of the namespace it is in, and of its own; None where it may not visit any."""

    place: int | None = None
    home: int | None = None
    lost: bool = False


_here = _Here()


def enter(handle: int) -> None:
    """Put this thread into the namespace with a descriptor; OSError where the kernel refuses."""
    if _libc.setns(handle, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def may_visit() -> bool:
    """Whether this thread is one that enters namespaces itself."""
    return _here.place is not None


def is_home() -> bool:
    """Whether this thread is one that enters namespaces itself, and is in its own."""
    return _here.place is not None and _here.place == _here.home and not _here.lost


def is_lost() -> bool:
    """Whether this thread is in a namespace that it should have left."""
    return _here.lost


def inside(handle: int, go: Callable[[], None], work: Callable[[], T]) -> T:
    """The value of `work()`, run by this thread inside the namespace with a descriptor, into which `go` brings it.

    Visits can be nested.

    Raises:
        Lost: the namespace cannot be left.
    """
    before = _here.place
    assert before is not None, "only a visitor calls this"
    go()
    _here.place = handle
    try:
        value = work()
    finally:
        _here.place = before
        _go_back(before)
    return value


def _go_back(place: int) -> None:
    try:
        enter(place)
    except OSError as error:
        _here.lost = True
        raise Lost(error.strerror) from error


class Visitors:
    """At most `most` threads, made when they are needed, that do what `start` is given, in its order."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._idle = self._waiting = 0

    def start(self, job: Callable[[], None]) -> None:
        """Have a thread run `job`, which raises nothing; RuntimeError where there is none, and none can be made.

        For threads that never are in another namespace, which a new one would be in, too.
        """
        with self._lock:
            if self._waiting >= self._idle and self._threads < self._most:
                self._grow()
            self._waiting += 1
            self._jobs.put(job)

    def _grow(self) -> None:
        try:
            threading.Thread(target=self._work, name="visitor", daemon=True).start()
        except RuntimeError:
            if not self._threads:
                raise
        else:
            self._threads += 1

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            job = self._jobs.get()
            with self._lock:
                self._idle -= 1
                self._waiting -= 1
            _learn_home()
            job()
            del job  # what it holds is not to wait for the next
            _find_home()


class Turns:
    """One thread for what is short, which does one job after the other.

    Several would only take the interpreter from each other, and wait together for the kernel's one lock about
    interfaces.  Where a job takes LONG all the same, the `others` are asked to help: those behind it are done by
    whoever is free first, which may be the one thread again.
    """

    def __init__(self, others: Visitors) -> None:
        self._one = Visitors(1)
        self._others = others
        self._jobs: deque[Callable[[], None]] = deque()
        self._since: float | None = None
        """When the present job began."""
        self._lock = threading.Lock()
        self._asked = 0
        """How often the others will come to look for a job."""

    def start(self, job: Callable[[], None]) -> None:
        """Have `job`, which raises nothing, run in its turn; RuntimeError where there is no thread, and none can be."""
        self._jobs.append(job)
        try:
            self._one.start(self._take_turn)
        except RuntimeError:
            self._jobs.remove(job)
            raise
        self.relieve()

    def relieve(self) -> bool:
        """Ask others to help with what waits, if the present job takes long; whether anything waits.

        To be called every now and then by who started something.
        """
        since = self._since
        if since is not None and time.monotonic() - since > LONG:
            # where no other thread is, and none can be made, the one does it all
            with self._lock, contextlib.suppress(RuntimeError):
                while self._asked < len(self._jobs):
                    self._others.start(self._help)
                    self._asked += 1
        return bool(self._jobs)

    def _take_turn(self) -> None:
        job = self._next()
        if job is not None:  # else others have done it
            self._since = time.monotonic()
            job()
            _find_home()  # which may take long, too
            self._since = None

    def _help(self) -> None:
        with self._lock:
            self._asked -= 1
        job = self._next()
        if job is not None:
            job()

    def _next(self) -> Callable[[], None] | None:
        try:
            return self._jobs.popleft()
        except IndexError:
            return None


def _learn_home() -> None:
    """Make this thread one that may visit, unless the kernel would not let it back (its own is another user's).

    Nor may it while there are too many open files; it works all the same, since somebody waits for what it is to do.
    """
    if _here.home is not None:
        return
    with contextlib.suppress(OSError):
        home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(home)
        except OSError:
            os.close(home)
            raise
        _here.place = _here.home = home


def _find_home() -> None:
    """See that this thread is at home; it does nothing else before it is."""
    while _here.lost and _here.home is not None:
        try:
            enter(_here.home)
        except OSError:
            time.sleep(_PAUSE)
        else:
            _here.lost = False
