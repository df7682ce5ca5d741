"""Account for a request when it has ended: one line in the log, whatever came of it, and the metrics.

docs/reference/logs.md says what the line has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from plurimus.adapters import account
from plurimus.adapters.account import Account
from plurimus.cni.errors import Code, PlurimusError
from plurimus.core import measured

EVENTS = {"ADD": "attached", "DEL": "detached", "CHECK": "checked", "STATUS": "status", "GC": "collected"}
"""What the line of a request that succeeded begins with."""
FAILED, UNFORESEEN, CANCELLED = "request failed", "request failed for a reason nobody foresaw", "request cancelled"
_WELL_KNOWN = {int(code): str(int(code)) for code in Code if code}
_log = structlog.get_logger(__name__)


@contextmanager
def accounted(handler: str) -> Iterator[Account]:
    """Account for the request of the block, which tells the account what it is about; what it raises goes on."""
    mine = Account(handler)
    before = account.open_for(mine)
    measured.REQUESTS_RUNNING.add(1)
    error: BaseException | None = None
    try:
        yield mine
    except BaseException as caught:
        error = caught
        raise
    finally:
        measured.REQUESTS_RUNNING.add(-1)
        took = mine.end(error)
        measured.REQUESTS.observe(took, handler, mine.verb, _code(error))
        account.close(before)
        _tell(mine, took, error)


def _code(error: BaseException | None) -> str:
    """The code as a label, of which there are only so many."""
    if error is None:
        return "0"
    if isinstance(error, PlurimusError):
        return _WELL_KNOWN.get(error.code, "plugin")
    return "internal" if isinstance(error, Exception) else "cancelled"


def _tell(mine: Account, took: float, error: BaseException | None) -> None:
    """Log the line: of a failure at once, since the process may end; of a success behind the answer."""
    line: dict[str, Any] = {"handler": mine.handler, **mine.fields, "ms": _milliseconds(took)}
    line["steps"] = {name: _milliseconds(seconds) for name, seconds in mine.steps.items()}
    if error is None:
        # runtimes ask for the status every few seconds
        log = _log.debug if mine.verb == "STATUS" else _log.info
        asyncio.get_running_loop().call_soon(lambda: log(EVENTS.get(mine.verb, "answered"), code=0, **line))
    elif isinstance(error, PlurimusError):
        _log.error(FAILED, code=error.code, error=str(error), notes=getattr(error, "__notes__", []), **line)
    elif isinstance(error, Exception):
        _log.error(UNFORESEEN, code=int(Code.INTERNAL), exc_info=error, **line)
    else:
        _log.warning(CANCELLED, notes=getattr(error, "__notes__", []), **line)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)
