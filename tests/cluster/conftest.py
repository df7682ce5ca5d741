"""One API server for all tests of this folder; what failed shows the logs of its programs.

No controller runs and there is no node: nobody but the test changes an object.  The folder `nodes` has both.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from plurimus.adapters.kubeconfig import Access

from . import deployed, objects
from .client import Client
from .controlplane import ControlPlane
from .service import tail
from .waiting import eventually

FEATURES = ("DRAExtendedResource", "DRAPartitionableDevices", "DRAAdminAccess")
"""Parts of dynamic resource allocation that Kubernetes 1.34 has as alpha, or may have switched off."""
_LOGS = pytest.StashKey[list[Path]]()


@pytest.fixture(scope="session")
def logs(request: pytest.FixtureRequest) -> list[Path]:
    """Folders; the `*.log` in them are shown where a test fails."""
    return request.session.stash.setdefault(_LOGS, [])


@pytest.fixture(scope="session")
def control_plane(logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and the API server, for reading and writing; who stops it starts it again."""
    folder = tmp_path_factory.mktemp("control-plane")
    logs.append(folder)
    with ControlPlane(folder, features=FEATURES) as control_plane:
        yield control_plane


@pytest.fixture
def admin(control_plane: ControlPlane) -> Client:
    """A client that may do everything."""
    return control_plane.admin


@pytest.fixture
def networks(admin: Client) -> None:
    """The API server knows network attachment definitions."""
    definition = deployed.definition()
    objects.ensure(admin, definition)
    eventually(lambda: admin.get(objects.path(definition)), objects.established)


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """A namespace of the test's own, in which pods can be made."""
    name = objects.new_namespace(admin)
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def access(control_plane: ControlPlane, admin: Client, tmp_path: Path) -> Access:
    """The daemon's identity: a token of its service account, in a file as kubelet writes it."""
    deployed.apply(admin)
    token = tmp_path / "token"
    token.write_text(deployed.token(admin))
    return Access(control_plane.server, ca=control_plane.ca, token_file=token)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for folder in item.session.stash.get(_LOGS, []):
            for log in sorted(folder.glob("*.log")):
                report.sections.append((f"the end of {log}", tail(log)))
    return report
