"""Carries out scripts, each in a process and a node of its own; what takes long to import is imported once.

A line of JSON each way: [script, by whom] in, what was seen or {"failed": text} out.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback

from plurimus.core.config import parse
from plurimus.node import drivers

from .steps import carry_out

_MOST_SECONDS = 240
"""For a script; what takes longer has hung."""
_ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the daemon's parts log to the standard output


def main() -> None:
    """Until the standard input ends."""
    # all that a driver imports late is imported here, not by each child anew
    drivers.plugins(parse(b"{}").daemon, ahead=True)
    for line in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            _child(line)
        _, status = os.waitpid(child, 0)
        if status != 0:
            _answer({"failed": f"the node's process ended with wait status {status}"})


def _child(line: bytes) -> None:
    signal.alarm(_MOST_SECONDS)
    try:
        _answer(carry_out(*json.loads(line)))
    except BaseException:  # noqa: BLE001 - handed to the test
        _answer({"failed": traceback.format_exc()})
    finally:
        os._exit(0)


def _answer(value: object) -> None:
    print(json.dumps(value), file=_ANSWERS, flush=True)


if __name__ == "__main__":
    main()
