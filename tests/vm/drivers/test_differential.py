"""Drivers beside the executables they stand for, in cases for which a machine's own kernel may lack something.

Issue 5, "Differential"; the other cases are in tests/interop/drivers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.drivers import checks
from tests.interop.drivers.case import Case
from tests.interop.drivers.matrix import IN_MACHINE
from tests.interop.drivers.twins import Twins, running

CROSSED = (
    "dual",
    "mode l3",
    "id 1",
    "master gone",
    "a table of its own",
    "two interfaces",
    "vlan 100, gateway",
    "trunk",
)
"""A program takes long to start in an emulated machine, so only these are also deleted by the other one."""


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    with running() as made:
        yield made


@pytest.mark.parametrize("case", IN_MACHINE, ids=lambda case: case.id)
def test_a_driver_answers_and_leaves_what_the_executable_does(twins: Twins, case: Case) -> None:
    checks.alike(twins, case)


@pytest.mark.parametrize("case", [case for case in IN_MACHINE if case.name in CROSSED], ids=lambda case: case.id)
def test_either_deletes_what_the_other_added(twins: Twins, case: Case) -> None:
    checks.crossed(twins, case)
