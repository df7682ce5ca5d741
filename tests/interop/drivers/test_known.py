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


def test_what_is_known_names_verbs_of_its_cases() -> None:
    labels = {case.id: case.labels() for case in CASES}
    wrong = {
        (case.id, what)
        for case in CASES
        for what in known.expected(case.id)
        if what.partition(":")[0] not in labels[case.id]
    }
    assert wrong == set()
