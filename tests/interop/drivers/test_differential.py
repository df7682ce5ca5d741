"""Every driver beside the executable it stands for: the same answers, and the same state on two equal nodes.

Issue 5, "Differential".  Where they differ on purpose is in `known.py`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import checks
from .case import Case
from .matrix import HERE
from .twins import Twins, running

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with running() as made:
        yield made


@pytest.mark.parametrize("case", HERE, ids=lambda case: case.id)
def test_a_driver_answers_and_leaves_what_the_executable_does(twins: Twins, case: Case) -> None:
    checks.alike(twins, case)


@pytest.mark.parametrize("case", [case for case in HERE if case.crossed], ids=lambda case: case.id)
def test_either_deletes_what_the_other_added(twins: Twins, case: Case) -> None:
    checks.crossed(twins, case)
