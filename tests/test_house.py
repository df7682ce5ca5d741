"""The house rules that a program can check: sizes, numbers carried by tests, documents that stay true."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 300

FEATURES = [*range(1, 14), *range(20, 39), *range(42, 56), *range(60, 73), 76, 77, *range(79, 85), *range(86, 91)]
EDGES = [*range(1, 10), 11, 14, 15, 16, *range(18, 23), 26, 28, *range(32, 41), 42, 44, 46, 48, 49]
"""What this release does, by its numbers in the behaviour specification; each must be shown by a test."""

DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md"))


def sources() -> list[Path]:
    """All code git knows of or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.c", "*.h", "*.sh", "*.go"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listed.stdout.split() if (path := ROOT / name).exists()]


def test_no_module_is_longer_than_the_budget() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
    assert len(lengths) > 100  # else nothing was looked at


def carried() -> Iterator[str]:
    """The numbers in the docstrings of test functions, `S1 to S3` and `S1-S3` spelled out."""
    for path in sources():
        if path.name.startswith("test_"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    for kind, first, last in re.findall(
                        r"\b([FS])(\d+)(?:(?: to |-)[FS](\d+))?\b", ast.get_docstring(node) or ""
                    ):
                        yield from (f"{kind}{number}" for number in range(int(first), int(last or first) + 1))


@pytest.mark.parametrize(("kind", "numbers"), [("F", FEATURES), ("S", EDGES)])
def test_every_feature_and_sharp_edge_of_this_release_is_shown_by_a_test(kind: str, numbers: list[int]) -> None:
    missing = {f"{kind}{number}" for number in numbers} - set(carried())
    assert missing == set()


def test_the_readme_begins_with_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text().splitlines()[:16]
    assert [line.split()[:2] for line in head if line.startswith("    make")] == [["make", "demo"], ["make", "test"]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_in_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text()
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:src|docs|tests|tools|bench|shim|examples)/[\w./-]*)`", text)
    modules = re.findall(r"`((?:cni|model|core|wire|adapters|drivers|node|cli)/\w+\.py)`", text)
    inside = [f"src/plurimus/{name}" for name in modules]
    dangling = [link for link in links if not (path.parent / link).exists()]
    dangling += [name for name in named + inside if not (ROOT / name).exists()]
    assert dangling == []


def test_every_decision_has_context_decision_and_cost() -> None:
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        assert re.findall(r"^\*\*(\w+)\.\*\*", record.read_text(), re.MULTILINE) == ["Context", "Decision", "Cost"]


def test_every_word_of_the_makefile_is_explained_to_contributors() -> None:
    words = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    explained = set(re.findall(r"^\| `make ([a-z-]+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert words == explained


def test_generated_references_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "tools/write_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
