"""Every driver beside the executable it stands for: the same answers, and the same state on two equal nodes.

Issue 5, "Differential".  Where they differ on purpose is in `known.py`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import known
from .case import Case
from .matrix import HERE
from .twins import Twins, differing, running

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with running() as made:
        yield made


@pytest.mark.parametrize("case", HERE, ids=lambda case: case.id)
def test_a_driver_answers_and_leaves_what_the_executable_does(twins: Twins, case: Case) -> None:
    theirs, ours = twins.both(case)
    assert [seen["inside"] for seen in ours] == [True] * len(ours)  # else two executables were compared
    found = differing(case, theirs, ours)
    wanted = known.expected(case.id)
    assert {what: text for what, text in found.items() if what not in wanted} == {}
    assert wanted - set(found) == set()


@pytest.mark.parametrize("case", [case for case in HERE if case.crossed], ids=lambda case: case.id)
def test_either_deletes_what_the_other_added(twins: Twins, case: Case) -> None:
    """The first verb is one's, the others are the other's; nothing differs beyond what differs anyway."""
    theirs, *mixed = twins.crossed(case)
    wanted = known.expected(case.id)
    for ours in mixed:
        found = differing(case, theirs, ours)
        assert {what: text for what, text in found.items() if what not in wanted} == {}
