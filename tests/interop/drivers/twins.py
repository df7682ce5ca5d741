"""Two nodes for one case: the executable's and the driver's, and what differs between them after each step."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.node.snapshot import difference

from .case import Case
from .names import told
from .steps import PLUGINS, ROOT

GENERIC = 999
"""The code of a plugin's error that says no more; the driver's may say more."""
_NOT_COMPARED = ("inside", "stderr", "error", "result")
Seen = list[dict[str, Any]]


class Twins:
    """Two servers, whose scripts run at the same time; what the executables did is remembered."""

    def __init__(self) -> None:
        self._servers = [
            subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
            )
            for _ in range(2)
        ]
        self._reference: dict[str, Seen] = {}

    def both(self, case: Case) -> tuple[Seen, Seen]:
        """What was seen of the executable, and of the driver."""
        first, second = self._run(case, ["executable"], ["driver"])
        self._reference[case.id] = first
        return first, second

    def crossed(self, case: Case) -> tuple[Seen, Seen, Seen]:
        """What was seen of the executable, where the driver did only the first verb, and all but the first."""
        made = self._run(case, ["driver", "executable"], ["executable", "driver"])
        if case.id not in self._reference:
            self.both(case)
        return self._reference[case.id], *made

    def close(self) -> None:
        for server in self._servers:
            assert server.stdin is not None
            server.stdin.close()
        for server in self._servers:
            server.wait(timeout=60)
            assert server.stdout is not None
            server.stdout.close()

    def _run(self, case: Case, *by: Sequence[str]) -> tuple[Seen, Seen]:
        script = case.script()
        for server, who in zip(self._servers, by, strict=True):
            assert server.stdin is not None
            server.stdin.write(json.dumps([script, who]).encode() + b"\n")
            server.stdin.flush()
        answers = []
        for server in self._servers:
            assert server.stdout is not None
            answers.append(json.loads(server.stdout.readline()))
        for answer in answers:
            assert isinstance(answer, list), f"{case.id}: {answer['failed']}"
        first, second = (told(answer, json.dumps(script)) for answer in answers)
        return first, second


@contextmanager
def running() -> Iterator[Twins]:
    """Twins for a module's tests.  AssertionError where the executables have not been built."""
    assert (PLUGINS / "static").exists(), f"no reference plugins in {PLUGINS}; run `make test-interop`"
    twins = Twins()
    try:
        yield twins
    finally:
        twins.close()


def differing(case: Case, theirs: Seen, ours: Seen) -> dict[str, str]:
    """What differs, by `VERB: aspect`, with both values; the driver's words for an error are its own."""
    found: dict[str, str] = {}
    for label, there, here in zip(case.labels(), theirs, ours, strict=True):
        # where nobody looked at one of the nodes, names in results mean nothing either
        looked = ("files" in there) == ("files" in here)
        for aspect in sorted(set(there) | set(here)) if looked else ["outcome"]:
            first, second = there.get(aspect), here.get(aspect)
            if first != second and aspect not in _NOT_COMPARED:
                found[f"{label}: {aspect}"] = difference({aspect: first}, {aspect: second}) + _words(there, here)
        if looked and there["outcome"] == here["outcome"]:
            found |= {f"{label}: {aspect}": text for aspect, text in _answers(there, here).items()}
    return found


def _answers(there: dict[str, Any], here: dict[str, Any]) -> dict[str, str]:
    """What differs in two results or two errors."""
    if "error" not in there:
        results = [each["result"] for each in (there, here)]
        return {} if results[0] == results[1] else {"result": difference(*({"result": each} for each in results))}
    codes = [each["error"].get("code") for each in (there, here)]
    if codes[0] not in (codes[1], GENERIC):
        return {"code": _words(there, here)}
    return {} if here["error"].get("msg") else {"words": "the error has no message"}


def _words(there: dict[str, Any], here: dict[str, Any]) -> str:
    said = {who: seen["error"] for who, seen in (("executable", there), ("driver", here)) if "error" in seen}
    return f"\n{said}" if said else ""
