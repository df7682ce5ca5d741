"""Steps that are taken back when a later one fails, and steps that are taken whatever becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from plurimus.cni.errors import PlurimusError, joined

Step = Callable[[], Awaitable[object]]


class Undo:
    """Takes back what an ADD has done, the last first, where the block ends by an error or a cancellation.

    A step that fails meanwhile is a note on that error, and keeps those that come `behind_all` from being taken: the
    DEL that follows takes them.  No cancellation keeps a step from being taken.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[Step, bool]] = []

    def add(self, step: Step, *, behind_all: bool = False) -> None:
        """Have `step` be taken on failure; `behind_all`: but only if nothing before it failed.  From any thread."""
        self._steps.append((step, behind_all))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not self._steps:
            return
        undoing = asyncio.ensure_future(self._take_back(error))
        cancelled: asyncio.CancelledError | None = None
        while not undoing.done():
            try:
                await asyncio.wait([undoing])
            except asyncio.CancelledError as again:  # what is half undone is worse than what takes its time
                cancelled = again
        undoing.result()
        if cancelled is not None:
            raise cancelled

    async def _take_back(self, error: BaseException) -> None:
        is_whole = True
        for step, behind_all in reversed(self._steps):
            if behind_all and not is_whole:
                continue
            try:
                await step()
            except PlurimusError as failure:
                is_whole = False
                error.add_note(f"while undoing: {failure}")
            except Exception as fault:  # noqa: BLE001 - of ours; what is left to undo is none the worse
                is_whole = False
                error.add_note(f"while undoing: {type(fault).__name__}: {fault}")


async def take_all(*steps: Step) -> None:
    """Take all steps, one after the other.

    Raises:
        PlurimusError: the errors of those that failed, as one.
        Exception: the first fault of ours, after all steps.
    """
    failures: list[PlurimusError] = []
    faults: list[Exception] = []
    for step in steps:
        try:
            await step()
        except PlurimusError as error:
            failures.append(error)
        except Exception as fault:  # noqa: BLE001 - raised below
            faults.append(fault)
    if faults:
        raise faults[0]
    if failures:
        raise joined(failures)
