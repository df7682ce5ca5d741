"""What the table of differences says of a case: one that is not there fails, and so does one that was not seen."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from .differences import KNOWN

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/reference/drivers.md"


def expected(case: str) -> set[str]:
    """Patterns of what must differ in a case."""
    return {each for known in KNOWN if known.matches(case) for each in known.differs}


def compare(case: str, found: Iterable[str]) -> tuple[set[str], set[str]]:
    """What was found and is not known, and which patterns nothing was found for."""
    patterns, found = expected(case), set(found)
    unknown = {what for what in found if not any(fnmatchcase(what, pattern) for pattern in patterns)}
    return unknown, {pattern for pattern in patterns if not any(fnmatchcase(what, pattern) for what in found)}


def unused(cases: Iterable[str]) -> list[tuple[str, str]]:
    """Patterns of the table that no case matches."""
    names = set(cases)
    return [
        (known.type, pattern)
        for known in KNOWN
        for pattern in known.cases
        if not any(fnmatchcase(name, f"{known.type}: {pattern}") for name in names)
    ]
