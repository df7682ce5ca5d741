"""The table of differences is about cases there are, and is what the documentation says."""

from __future__ import annotations

import re

from . import known
from .matrix import CASES


def test_every_pattern_of_the_table_is_about_a_case() -> None:
    assert known.unused(case.id for case in CASES) == []


def test_every_known_difference_is_documented() -> None:
    text = re.sub(r"\s+", " ", known.DOCUMENT.read_text())
    assert [each.documented for each in known.KNOWN if each.documented not in text] == []
