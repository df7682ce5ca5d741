"""The shim under libFuzzer: its parsers alone, and all of it in a world of its own; and defects it must find."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shim.runtime import ROOT

from .guided import GUIDED, PARTS, WHOLE, Target, fuzzed, reached, runs, told
from .mutations import SECONDS

LONGEST = 120
"""Seconds for what takes one or two."""


@pytest.mark.parametrize(("target", "part"), [(WHOLE, 0.4), (PARTS, 0.2)], ids=lambda value: getattr(value, "name", ""))
def test_no_input_breaks_the_shim_that_reaches_more_of_it(
    target: Target, part: float, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """S46, S5."""
    inputs = target.sown(ROOT / "build/fuzz" / target.name)
    guided = target.compiled(tmp_path, *GUIDED)
    done = fuzzed(guided, inputs, f"-max_total_time={max(1, round(SECONDS * part))}", "-print_final_stats=1")
    assert done.returncode == 0, told(done)
    assert runs(done) > len(target.seeds), "it got no further than what it started from"
    covered, edges = reached(target, tmp_path, inputs)
    record_property("fuzzed", f"{target.name}: {runs(done)} inputs, {covered} of {edges} edges "
                              f"({100 * covered // edges} %), {len(list(inputs.iterdir()))} inputs kept")  # fmt: skip
    assert covered > edges / 2, "what it starts from does not lead into the code"


@pytest.mark.parametrize(
    ("target", "name", "right", "wrong"),
    [
        pytest.param(PARTS, "http.c", " || size > length - from - 2", "", id="believes-the-size-of-a-chunk"),
        pytest.param(PARTS, "text.c", "|| n >= room) return", "|| n > room + 2) return", id="writes-beyond-its-buffer"),
        pytest.param(
            WHOLE, "shim.c", "text_add_json(&request, equals + 1,", "text_add(&request, equals + 1,", id="quote"
        ),
        pytest.param(WHOLE, "shim.c", "if (strlen(socket_path) >=", "if (0 && strlen(socket_path) >=", id="long-path"),
    ],
)
def test_a_planted_defect_is_found(target: Target, name: str, right: str, wrong: str, tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    for folder in ("shim", "tests/shim"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    source = tmp_path / "shim" / name
    assert source.read_text().count(right) == 1
    source.write_text(source.read_text().replace(right, wrong))
    guided = target.compiled(tmp_path, *GUIDED, root=tmp_path)
    done = fuzzed(guided, target.sown(tmp_path / "inputs"), f"-max_total_time={LONGEST}")
    assert done.returncode != 0
    assert any(word in done.stderr for word in ("AddressSanitizer", "Assertion", "runtime error")), told(done)
