"""Every test runs in a network and mount namespace made for this run: the machine's own stay untouched."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from .isolation import isolate

# an example may take as long as it takes: machines are shared, and a slow one shows nothing about the code
settings.register_profile("plurimus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("plurimus")


def pytest_configure(config: pytest.Config) -> None:
    if os.geteuid() == 0:
        try:
            isolate()
        except OSError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.fixture
def root() -> None:
    """Node tests change links and namespaces, so they say at once what they lack."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root: it makes network namespaces; run `make test` as root")
