"""The tests that documents name: each there, under that name, and one in each row that promises something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]
PROMISING = ("docs/explanation/threat-model.md", "docs/explanation/guarantees.md")
"""Pages whose tables have a column for tests."""
_NAME = re.compile(r"`(tests/[\w/.-]*\.py)?…?(?:::)?(test_\w+)?`")
"""A file, a test in it, or a test alone, which then is in the file that was named last."""
_LONGER = re.compile(r"make (?:soak|fuzz)")


def named(text: str) -> Iterator[tuple[str, str]]:
    """Files and tests in the order they are named; one of the two may be empty."""
    for file, test in _NAME.findall(text):
        if file or test:
            yield file, test


def rows(text: str) -> list[str]:
    """The rows of tables whose last column is for tests."""
    found, wanted = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            wanted = False
        elif wanted and set(line) - set("|- :"):
            found.append(line)
        elif cells[-1] in ("test", "the test"):
            wanted = True
    return found


def lacking(text: str) -> list[str]:
    """What is named and is not there."""
    file, found = "", []
    for in_file, test in named(text):
        file = in_file or file
        path = ROOT / file
        if not path.is_file():
            found.append(file or f"{test}, in no file")
        elif test and f"def {test}(" not in path.read_text():
            found.append(f"{file}::{test}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_test_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    whole = text if str(page.relative_to(ROOT)) in PROMISING else "\n".join(re.findall(r"`tests/\S+`", text))
    assert lacking(whole) == []


@pytest.mark.parametrize("page", PROMISING)
def test_each_row_that_promises_something_names_a_test(page: str) -> None:
    """Or says that there is none, where something is not defended."""
    found = rows((ROOT / page).read_text())
    assert found
    assert [row for row in found if not any(named(row)) and not _LONGER.search(row)] == []


def test_what_is_not_there_is_found() -> None:
    here = "tests/unit/tools/test_named_tests.py"
    text = f"`{here}::test_what_is_not_there_is_found`, `…::test_nobody`, `test_each_of_them` there, `tests/none.py`"
    assert lacking(text) == [f"{here}::test_nobody", f"{here}::test_each_of_them", "tests/none.py"]
    assert rows("| a | test |\n|---|---|\n| it is | so |\n\n| a | b |\n|---|---|\n| c | d |\n") == ["| it is | so |"]
