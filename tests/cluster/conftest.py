"""One control plane for all tests of a run; what failed shows the logs of its programs."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import pytest

from . import objects
from .client import Client
from .controlplane import ControlPlane
from .service import tail
from .waiting import eventually

_LOGS = pytest.StashKey[list[Path]]()
_numbers = count(1)


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and the API server, for reading and writing; who stops it starts it again."""
    folder = tmp_path_factory.mktemp("control-plane")
    request.session.stash.setdefault(_LOGS, []).append(folder)
    with ControlPlane(folder) as control_plane:
        yield control_plane


@pytest.fixture
def admin(control_plane: ControlPlane) -> Client:
    """A client that may do everything."""
    return control_plane.admin


@pytest.fixture(scope="session")
def networks(control_plane: ControlPlane) -> None:
    """The API server knows network attachment definitions."""
    definition = objects.create(control_plane.admin, objects.network_definitions())
    eventually(lambda: control_plane.admin.get(objects.path(definition)), objects.established)


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """A namespace of the test's own, in which pods can be made although no controller runs."""
    name = f"test-{next(_numbers)}"
    objects.create(admin, objects.namespace(name))
    objects.create(admin, objects.service_account("default", name))
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for folder in item.session.stash.get(_LOGS, []):
            for log in sorted(folder.glob("*.log")):
                report.sections.append((f"the end of {log}", tail(log)))
    return report
