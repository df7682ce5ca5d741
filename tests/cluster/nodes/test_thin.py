"""A node of a real cluster without a daemon: a process for each call of the runtime, under the rights of deploy/."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters.kubeconfig import SERVICE_ACCOUNT
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .deviceplugin import DevicePlugin, needing, wanting
from .pods import addresses, delete, network_status, pod, running, said
from .test_requests import ADD, asked
from .thin import Thin


@pytest.fixture(scope="module")
def thin(
    logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Thin]:
    folder = tmp_path_factory.mktemp("thin")
    logs.append(folder)
    with Thin(folder, node, control_plane) as thin:
        yield thin


@pytest.mark.parametrize("count", [0, 2])
def test_a_pod_has_its_networks_without_a_daemon_and_leaves_nothing(
    node: Node, thin: Thin, control_plane: ControlPlane, admin: Client, namespace: str, count: int
) -> None:
    """F1, F2, F27, F40, F44, F79; spec sections 3.4, 3.5 and 8.2: also while nothing keeps the node."""
    before = thin.left()
    names = [f"rail{number}" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        thin.network(name, namespace, f"10.{number + 10}.0.0/16")
    thin.daemon.stop(kindly=True)
    try:
        objects.create(admin, pod("trainer", namespace, ",".join(names) or None))
        address = running(admin, "trainer", namespace)["podIP"]
        found = addresses(node.sandbox(namespace, "trainer").netns)
        assert found == {"eth0": [f"{address}/24"]} | {f"net{n}": [f"10.{n + 10}.0.2/16"] for n in range(1, count + 1)}
        assert [
            (each["name"], each["interface"], each["ips"]) for each in network_status(admin, "trainer", namespace)
        ] == [
            ("primary", "eth0", [address]),
            *((f"{namespace}/rail{n}", f"net{n}", [f"10.{n + 10}.0.2"]) for n in range(1, count + 1)),
        ]
        lines = [f"Add eth0 [{address}/24] from primary"]
        lines += [f"Add net{n} [10.{n + 10}.0.2/16] from {namespace}/rail{n}" for n in range(1, count + 1)]
        assert said(admin, "trainer", namespace, "AddedInterface") == ("Normal", "AddedInterface", "\n".join(lines))
        delete(admin, "trainer", namespace)
        thin.is_as(before)
        # a request is written down once it was answered; a DEL makes none
        eventually(lambda: len(asked(control_plane, namespace)) >= 3 + count)
        assert asked(control_plane, namespace) == sorted(
            [*ADD, ("get", "pods"), *[("get", "network-attachment-definitions")] * count]
        )
    finally:
        thin.daemon.start()


def test_calls_use_a_renewed_token_at_once(thin: Thin, admin: Client, namespace: str) -> None:
    """F80, S15: a token of the service account is in the kubeconfig of the node; who keeps it asks for one at first."""
    before = thin.kept_token()
    assert before != (SERVICE_ACCOUNT / "token").read_text()
    thin.daemon.stop(kindly=True)
    thin.daemon.start()
    eventually(thin.kept_token, lambda kept: kept != before)
    objects.create(admin, pod("trainer", namespace))
    running(admin, "trainer", namespace)
    calls = [json.loads(line) for line in thin.calls.read_text().splitlines()]
    assert any(call["event"] == "attached" and f"{namespace}/trainer" in call["pod"] for call in calls)
    delete(admin, "trainer", namespace)


def test_a_network_that_does_not_exist_keeps_a_pod_from_starting(thin: Thin, admin: Client, namespace: str) -> None:
    """F44; spec section 3.5: the event is sent before the process ends."""
    objects.create(admin, pod("trainer", namespace, "nosuch"))
    kind, _, text = said(admin, "trainer", namespace, "NoNetworkFound")
    assert (kind, "nosuch" in text) == ("Warning", True)
    delete(admin, "trainer", namespace)


def test_a_device_goes_to_the_network_without_a_daemon(node: Node, thin: Thin, admin: Client, namespace: str) -> None:
    """F48, F51: each request asks kubelet by itself."""
    before = thin.left()
    objects.create(admin, needing(objects.network("rail", namespace, thin.macvlan(namespace))))
    with DevicePlugin(admin, node.name) as device_plugin:
        objects.create(admin, wanting("trainer", namespace, "rail", 1))
        running(admin, "trainer", namespace)
    config = thin.executed("rail", node.sandbox(namespace, "trainer").id, "net1")
    assert [[config["deviceID"]]] == device_plugin.allocated
    delete(admin, "trainer", namespace)
    thin.is_as(before)
