"""The token of calls on a node without a daemon, and what becomes of it when the pod that asked for it is gone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import accounttoken
from plurimus.adapters.apiserver import ApiError
from plurimus.adapters.kubeconfig import Access

from . import deployed, objects
from .client import Client, Object, Refused
from .controlplane import ControlPlane
from .waiting import eventually

NODE = "of-the-keeper"
ASKED = f"/api/v1/namespaces/{deployed.NAMESPACE}/pods/none"


class Keeper:
    """The pod of the thin daemon set on a node, and the token that kubelet would give it."""

    def __init__(self, control_plane: ControlPlane, token: Path) -> None:
        self._control_plane, self._admin = control_plane, control_plane.admin
        self.node = objects.create(self._admin, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        pod = objects.pod("keeper", deployed.NAMESPACE, serviceAccountName=deployed.ACCOUNT, nodeName=NODE,
                          automountServiceAccountToken=False)  # fmt: skip
        self.pod = objects.create(self._admin, pod)
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "keeper", "uid": self.pod["metadata"]["uid"]}
        self.token = deployed.token(self._admin, bound=bound)
        token.write_text(self.token)
        self.access = Access(control_plane.server, ca=control_plane.ca, token_file=token)

    def knows(self, token: str) -> bool:
        """Whether the API server knows whose token it is."""
        try:
            self._control_plane.bearer(token).get(ASKED)
        except Refused as refusal:
            return refusal.code != 401
        return True

    def delete(self, thing: Object) -> None:
        self._admin.delete(objects.path(thing), {"gracePeriodSeconds": 0})

    async def issue(self) -> accounttoken.Issued:
        return await accounttoken.issue(self.access, seconds=24 * 3600, timeout=20.0)


@pytest.fixture
def keeper(control_plane: ControlPlane, admin: Client, tmp_path: Path) -> Iterator[Keeper]:
    deployed.apply(admin)
    keeper = Keeper(control_plane, tmp_path / "token")
    yield keeper
    for thing in (keeper.pod, keeper.node):
        with contextlib.suppress(Refused):  # a test may have deleted it
            keeper.delete(thing)


@pytest.fixture
def allowed(admin: Client) -> Iterator[None]:
    """What the manifest for thin nodes gives on top."""
    things = [each for each in deployed.manifest("plurimus-thin.yaml") if each["kind"] in ("Role", "RoleBinding")]
    for thing in things:
        objects.create(admin, thing)
    yield
    for thing in things:
        admin.delete(objects.path(thing))


@pytest.mark.usefixtures("allowed")
async def test_a_token_of_calls_outlives_the_pod_that_asked_for_it(keeper: Keeper) -> None:
    """F80, S15: kubelet's does not; the one asked for ends with the node."""
    issued = await eventually_issued(keeper)
    assert issued.seconds == 24 * 3600
    keeper.delete(keeper.pod)
    eventually(lambda: keeper.knows(keeper.token), lambda known: not known)
    assert keeper.knows(issued.token)
    keeper.delete(keeper.node)
    eventually(lambda: keeper.knows(issued.token), lambda known: not known)


async def test_who_has_no_right_to_a_token_is_refused(keeper: Keeper) -> None:
    """F80: by the rights of a daemon's manifest."""
    with pytest.raises(ApiError) as refused:
        await keeper.issue()
    assert refused.value.status == 403


async def eventually_issued(keeper: Keeper) -> accounttoken.Issued:
    """A right that was given a moment ago counts a moment later."""
    deadline = time.monotonic() + 30.0
    while True:
        try:
            return await keeper.issue()
        except ApiError as error:
            if error.status != 403 or time.monotonic() > deadline:
                raise
        time.sleep(0.1)
