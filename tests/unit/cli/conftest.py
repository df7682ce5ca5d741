from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _logging_of_the_run(restored_logging: None) -> None:
    """Commands set up their own, which the tests behind them must not see."""
