"""The cluster as the daemon sees it: its copy of pods and definitions, network status, events.

All under the rights of deploy/, against a real API server.
"""

from __future__ import annotations

import pytest

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.cni.errors import ClusterError, Code
from plurimus.core.plan import PodReference
from plurimus.model.event import Event
from plurimus.model.pod import NETWORK_STATUS, NETWORKS, Pod

from . import deployed, objects
from .asdaemon import NODE, annotations, becomes, held, make_pod, running
from .client import Client
from .controlplane import ControlPlane


async def test_pods_of_this_node_and_definitions_are_held_and_followed(
    access: Access, admin: Client, namespace: str
) -> None:
    """F75; spec section 7.7."""
    there = make_pod(admin, namespace, "there", networks="rail")
    make_pod(admin, namespace, "elsewhere", node="node-2")
    async with running(access) as found:
        assert held(found, namespace) == [there]
        later = make_pod(admin, namespace, "later")
        await becomes(lambda: held(found, namespace), [later, there])
        admin.delete(f"/api/v1/namespaces/{namespace}/pods/there", {"gracePeriodSeconds": 0})
        await becomes(lambda: held(found, namespace), [later])


async def test_a_definition_is_found_however_new_it_is(access: Access, admin: Client, namespace: str) -> None:
    """S29."""
    async with running(access) as found:
        assert await found.get_definition(namespace, "rail") is None
        made = objects.network("rail", namespace, '{"type": "macvlan"}')
        made["metadata"]["annotations"] = {"k8s.v1.cni.cncf.io/resourceName": "intel.com/rail0"}
        objects.create(admin, made)
        definition = await found.get_definition(namespace, "rail")
        assert definition is not None
        assert (definition.config, definition.resource_name) == ('{"type": "macvlan"}', "intel.com/rail0")


async def test_a_pod_made_again_under_its_name_is_the_new_one(access: Access, admin: Client, namespace: str) -> None:
    """F56: the copy may lag behind the runtime."""
    async with running(access) as found:
        old = make_pod(admin, namespace)
        assert await found.get_pod(namespace, "trainer", uid=old.uid) == old
        admin.delete(f"/api/v1/namespaces/{namespace}/pods/trainer", {"gracePeriodSeconds": 0})
        new = make_pod(admin, namespace, networks="rail")
        assert await found.get_pod(namespace, "trainer", uid=new.uid) == new
        assert await found.get_pod(namespace, "nobody") is None


async def test_network_status_is_one_patch_of_that_very_pod(access: Access, admin: Client, namespace: str) -> None:
    """F40, S47."""
    async with running(access) as found:
        pod = make_pod(admin, namespace, networks="rail")
        await found.write_status(pod, '[{"name": "rail"}]')
        assert annotations(admin, pod) == {NETWORKS: "rail", "other": "x" * 1000, NETWORK_STATUS: '[{"name": "rail"}]'}
        for gone in (Pod(namespace, "trainer", "another-uid"), Pod(namespace, "nobody", "uid")):
            with pytest.raises(ClusterError, match="was deleted or replaced") as raised:
                await found.write_status(gone, "[]")
            assert raised.value.code == Code.TRY_AGAIN_LATER
        assert annotations(admin, pod)[NETWORK_STATUS] == '[{"name": "rail"}]'


async def test_a_status_the_api_does_not_take_is_refused_in_its_words(
    access: Access, admin: Client, namespace: str
) -> None:
    """F40: the annotations of an object have 256 KiB together."""
    async with running(access) as found:
        pod = make_pod(admin, namespace)
        with pytest.raises(ClusterError, match=f"pod {namespace}/trainer: .*may not be more than 262144 bytes"):
            await found.write_status(pod, "x" * 300_000)


async def test_what_one_request_says_is_one_event(access: Access, admin: Client, namespace: str) -> None:
    """F44."""
    async with running(access) as found:
        pod = make_pod(admin, namespace)
        added = [Event.added(f"net{rail}", [f"10.0.{rail}.2/24"], f"ns/rail{rail}") for rail in range(8)]
        found.emit(PodReference(namespace, "trainer", pod.uid), added)

        def seen() -> list[tuple[str, str, str, list[str]]]:
            items = admin.get(f"/api/v1/namespaces/{namespace}/events")["items"]
            return [(e["involvedObject"]["uid"], e["type"], e["reason"], e["message"].splitlines()) for e in items]

        await becomes(seen, [(pod.uid, "Normal", "AddedInterface", [event.text for event in added])])


async def test_a_rotated_token_is_used_at_once(
    access: Access, control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """S15."""
    assert access.token_file is not None
    pod = make_pod(admin, namespace)
    valid = access.token_file.read_text()
    async with running(access) as found:
        access.token_file.write_text("expired")
        with pytest.raises(ClusterError, match="401"):
            await found.write_status(pod, "[]")
        access.token_file.write_text(valid)
        await found.write_status(pod, "[]")


async def test_without_the_right_the_error_says_what_to_give(
    control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """Least rights: a refusal names the verb, the resource and what to do."""
    objects.create(admin, objects.service_account("nobody", namespace))
    api = ApiServer(
        Access(control_plane.server, ca=control_plane.ca, token=deployed.token(admin, "nobody", namespace)), timeout=5
    )
    try:
        with pytest.raises(
            ClusterError, match=r"cannot patch resource \"pods/status\".*give the daemon's role"
        ) as raised:
            await KubernetesCluster(api, NODE).write_status(Pod(namespace, "trainer", "uid"), "[]")
        assert raised.value.code == Code.TRY_AGAIN_LATER
    finally:
        await api.close()


async def test_an_api_server_that_comes_back_is_waited_for_and_followed_again(
    access: Access, control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """S13: seconds, not milliseconds; a watch that broke is taken up again."""
    first = make_pod(admin, namespace, "first")
    async with running(access, timeout=2.0) as found:
        control_plane.apiserver.stop()
        assert await found.get_pod(namespace, "first") == first
        with pytest.raises(ClusterError) as raised:
            await found.get_pod(namespace, "second")
        assert raised.value.code == Code.TRY_AGAIN_LATER
        # in this thread: the program ends with the thread that started it
        control_plane.apiserver.start()
        second = make_pod(admin, namespace, "second")
        await becomes(lambda: held(found, namespace), [first, second])


async def test_of_many_pods_only_this_nodes_are_held(access: Access, admin: Client, namespace: str) -> None:
    """F75: paged, and by field selector."""
    mine = [make_pod(admin, namespace, f"mine-{number}") for number in range(6)]
    for number in range(20):
        make_pod(admin, namespace, f"other-{number}", node="node-2")
    async with running(access) as found:
        assert held(found, namespace) == mine
        assert not [pod for pod in found.held_pods() if pod.name.startswith("other-")]
