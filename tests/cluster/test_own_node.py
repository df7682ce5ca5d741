"""With deploy/own-node.yaml a credential is for its node, and a daemon does its work as without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from plurimus.adapters import accounttoken
from plurimus.adapters.kubeconfig import Access
from plurimus.core.plan import PodReference
from plurimus.model.event import Event
from plurimus.model.pod import NETWORK_STATUS
from plurimus.model.signing import GROUP, user

from . import deployed, objects
from .asdaemon import NODE, annotations, becomes, held, make_pod, running
from .certificates import Pair
from .client import Client, Object, Refused
from .controlplane import ControlPlane
from .thieves import BEYOND_ITS_NODE, OTHER, Stolen, stolen
from .waiting import eventually

POLICIES = deployed.manifest("own-node.yaml")


def is_refused(attack: Callable[[], Object]) -> bool:
    try:
        attack()
    except Refused as refusal:
        return "own-node.yaml" in refusal.text
    return False


@pytest.fixture(scope="module", autouse=True)
def in_force(control_plane: ControlPlane) -> Iterator[None]:
    """In this module, and not a moment longer: other tests have tokens that are bound to nothing."""
    admin = control_plane.admin
    deployed.apply(admin)
    place = objects.new_namespace(admin)
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in (NODE, OTHER)]
    with ExitStack() as stack:
        for thing in (*nodes, *thin_roles(), *deployed.source("certificates/rbac.yaml")[:1]):
            made(stack, admin, thing)
        thief = stack.enter_context(stolen(control_plane, place))
        seen = [partial(thief.event, OTHER), partial(thief.status, thief.theirs), thief.account_token]
        stack.callback(lambda: eventually(lambda: not any(map(is_refused, seen))))
        for thing in POLICIES:
            made(stack, admin, thing)
        eventually(lambda: all(map(is_refused, seen)))
        yield
    admin.delete(f"/api/v1/namespaces/{place}")


def made(stack: ExitStack, admin: Client, thing: Object) -> None:
    """Create an object, and delete it afterwards; what is there already is another test's, and stays."""
    try:
        objects.create(admin, thing)
    except Refused as refusal:
        if refusal.reason != "AlreadyExists":
            raise
    else:
        stack.callback(admin.delete, objects.path(thing))


def thin_roles() -> list[Object]:
    """What only the manifest for nodes without a daemon gives: a token of calls."""
    return [each for each in deployed.manifest("plurimus-thin.yaml") if each["kind"] in ("Role", "RoleBinding")]


@pytest.fixture
def thief(control_plane: ControlPlane, namespace: str) -> Iterator[Stolen]:
    with stolen(control_plane, namespace) as thief:
        yield thief


@pytest.fixture(params=["token", "certificate"])
def access(request: pytest.FixtureRequest, control_plane: ControlPlane, thief: Stolen, tmp_path: Path) -> Access:
    """How the daemon of the node is known."""
    if request.param == "token":
        (tmp_path / "token").write_text(thief.token)
        return Access(control_plane.server, ca=control_plane.ca, token_file=tmp_path / "token")
    pair = certificate(control_plane, NODE)
    return Access(control_plane.server, ca=control_plane.ca, certificate=pair.certificate, key=pair.key)


def certificate(control_plane: ControlPlane, node: str) -> Pair:
    return control_plane.authority.client(f"daemon-of-{node}", user(node), GROUP)


@pytest.mark.parametrize("attack", BEYOND_ITS_NODE.values(), ids=BEYOND_ITS_NODE)
def test_what_is_not_for_its_node_is_refused(thief: Stolen, attack: Callable[[Stolen], Object]) -> None:
    with pytest.raises(Refused, match=r"own-node\.yaml") as refused:
        attack(thief)
    assert refused.value.code == 422


def test_a_certificate_is_for_its_node_as_well(control_plane: ControlPlane, thief: Stolen) -> None:
    client = Client(control_plane.server, control_plane.ca, certificate(control_plane, OTHER))
    status = {"metadata": {"annotations": {NETWORK_STATUS: "[]"}}}
    with pytest.raises(Refused, match=f"for pods of the node .{OTHER}., and this one is of .{NODE}."):
        client.patch(thief.pod(thief.mine.name, "status"), status)
    client.patch(thief.pod(thief.theirs.name, "status"), status)


@pytest.mark.parametrize("node", [NODE, ""])
def test_a_token_that_is_bound_to_no_node_is_for_nothing(
    control_plane: ControlPlane, admin: Client, thief: Stolen, node: str
) -> None:
    """Nor for a pod that has no node either."""
    pod = make_pod(admin, thief.namespace, f"of-{node or 'none'}", node=node)
    unbound = replace(thief, client=control_plane.bearer(deployed.token(admin)))
    assert is_refused(partial(unbound.status, pod))
    assert is_refused(partial(unbound.event, node))


async def test_a_daemon_does_its_work(access: Access, admin: Client, thief: Stolen) -> None:
    """It writes the status of its pods and writes it anew, and says what happened."""
    pod = thief.mine
    async with running(access) as found:
        assert pod in held(found, thief.namespace)
        for status in ('[{"name": "a"}]', "[]"):
            await found.write_status(pod, status)
            assert annotations(admin, pod)[NETWORK_STATUS] == status
        found.emit(PodReference(pod.namespace, pod.name, pod.uid), [Event.missing("a test")])
        await becomes(lambda: told_of(admin, thief), [Event.missing("a test").text])


def told_of(admin: Client, thief: Stolen) -> list[str]:
    return [each["message"] for each in admin.get(f"/api/v1/namespaces/{thief.namespace}/events")["items"]]


async def test_calls_of_a_node_get_a_token_that_is_for_their_node(
    control_plane: ControlPlane, admin: Client, thief: Stolen, tmp_path: Path
) -> None:
    """And renew it by itself, as what keeps the node does once its own pod has gone."""
    (tmp_path / "token").write_text(thief.token)
    access = Access(control_plane.server, ca=control_plane.ca, token_file=tmp_path / "token")
    for _ in range(2):
        issued = await accounttoken.issue(access, seconds=3600, timeout=20.0)
        (tmp_path / "token").write_text(issued.token)
    call = replace(thief, client=control_plane.bearer(issued.token))
    call.status(call.mine, metadata={"annotations": {NETWORK_STATUS: "[]"}})
    assert annotations(admin, thief.mine)[NETWORK_STATUS] == "[]"
    assert is_refused(partial(call.status, call.theirs))


@pytest.mark.parametrize(("kind", "name"), [("", ""), ("Node", OTHER), ("Pod", NODE)])
def test_no_token_comes_of_one_that_is_for_another_node_or_for_none(thief: Stolen, kind: str, name: str) -> None:
    """A pod may have the name of a node."""
    bound = {"boundObjectRef": {"kind": kind, "apiVersion": "v1", "name": name}} if kind else {}
    with pytest.raises(Refused, match=f"bound to the node .{NODE}."):
        thief.account_token(**bound)


def test_others_change_pods_as_before(admin: Client, thief: Stolen) -> None:
    """A kubelet, and whoever else may."""
    admin.patch(thief.pod(thief.theirs.name, "status"), {"status": {"phase": "Running"}})
    admin.patch(thief.pod(thief.mine.name, "status"), {"metadata": {"labels": {"app": "mine"}}})
