"""Of no fault in docs/beside-multus-faults.md anything is left by ours; what Multus leaves stands there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .faults.faults import FAULTS, Fault
from .faults.node import OURS, FaultNode, Left


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultNode]:
    with FaultNode(tmp_path_factory.mktemp("node"), OURS) as node:
        yield node


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_nothing_is_left_of_a_fault(faulty: FaultNode, fault: Fault) -> None:
    assert faulty.befall(fault) == Left()
