"""Where a driver and its plugin differ, on purpose: the one table; the words are of docs/reference/drivers.md.

A difference that is not here fails, and so does one that is here and was not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/reference/drivers.md"


@dataclass(frozen=True)
class Known:
    """The cases (by shell patterns of their names), what differs there (`VERB: aspect`), and the document's words."""

    type: str
    cases: tuple[str, ...]
    differs: tuple[str, ...]
    documented: str

    def matches(self, case: str) -> bool:
        return any(fnmatchcase(case, f"{self.type}: {pattern}") for pattern in self.cases)


_TIDY = "DEL empties the tables of its rules"
_TOLERANT = "and succeeds without a namespace"
_CHECKS = "CHECK looks at rules and default routes"
KNOWN: tuple[Known, ...] = (
    Known("sbr", ("one, own*", "one-network-twice, own*", "version *", "interface index *", "two interfaces",
                  "junk in CNI_ARGS", "kernel's own addresses", "keys in other case"),
          ("DEL: pod routes 4", "DEL 2: pod routes 4"), _TIDY),
    Known("sbr", ("several, own*", "ipv6, own*"), ("DEL: pod routes 4", "DEL: pod routes 6", "DEL 2: pod routes 4",
          "DEL 2: pod routes 6"), _TIDY),
    Known("sbr", ("again",), ("DEL: pod routes 4", "ADD 2: outcome", "ADD 2: pod routes 4", "DEL 2: pod routes 4"),
          _TIDY),
    Known("sbr", ("namespace gone",), ("DEL: outcome", "DEL: pod file", "DEL 2: outcome", "DEL 2: pod file"),
          _TOLERANT),
    Known("sbr", ("no namespace told",), ("DEL: outcome",), _TOLERANT),
    Known("sbr", ("interface gone",), ("DEL: pod rules 4",), "finds the rules once the interface is gone"),
    Known("sbr", ("nothing before it", "no addresses", "table of another type"), ("CHECK: outcome",), _CHECKS),
)  # fmt: skip


def expected(case: str) -> set[str]:
    """What must differ in a case."""
    return {each for known in KNOWN if known.matches(case) for each in known.differs}


def unused(cases: Iterable[str]) -> list[tuple[str, str]]:
    """Patterns of the table that no case matches."""
    names = set(cases)
    return [
        (known.type, pattern)
        for known in KNOWN
        for pattern in known.cases
        if not any(fnmatchcase(name, f"{known.type}: {pattern}") for name in names)
    ]
