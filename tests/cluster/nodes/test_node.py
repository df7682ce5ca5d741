"""A real kubelet with a real container runtime: the node the end-to-end tests stand on."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import SERVICE_ADDRESS, ControlPlane
from tests.cluster.node import ADDRESS, PODS, Node
from tests.cluster.programs import ROOT
from tests.cluster.waiting import eventually
from tests.node.snapshot import ip_json, run

from .pods import gone, running


def ports() -> list[str]:
    """The links that are in the bridge of the pods' network."""
    return [link["ifname"] for link in ip_json("link") if link.get("master") == "primary0"]


def test_a_pod_of_the_hosts_network_has_the_nodes_address(node: Node, admin: Client, namespace: str) -> None:
    """The node the tests stand on: agents run on it."""
    objects.create(admin, objects.pod("agent", namespace, nodeName=node.name, hostNetwork=True))
    assert running(admin, "agent", namespace)["podIP"] == ADDRESS
    assert node.sandbox(namespace, "agent").netns == ""


def test_a_scheduled_pod_has_eth0_of_the_nodes_network_and_leaves_nothing(
    node: Node, admin: Client, namespace: str
) -> None:
    """The node the tests stand on: the runtime calls CNI plugins."""
    before = ports()
    objects.create(admin, pod := objects.pod("one", namespace))
    status = running(admin, "one", namespace)
    sandbox = node.sandbox(namespace, "one")
    addresses = {
        link["ifname"]: [each["local"] for each in link["addr_info"] if each["family"] == "inet"]
        for link in ip_json("addr", namespace=sandbox.netns)
    }
    assert addresses == {"lo": ["127.0.0.1"], "eth0": [status["podIP"]]}
    assert ip_address(status["podIP"]) in ip_network(PODS)
    assert len(ports()) == len(before) + 1
    admin.delete(objects.path(pod))
    eventually(lambda: gone(admin, pod))
    assert ports() == before
    assert not (node.folder / "host-local/primary" / status["podIP"]).exists()


@pytest.mark.parametrize("stopped", ["kubelet", "containerd"])
def test_a_pod_stays_while_the_program_that_started_it_is_away(
    node: Node, admin: Client, namespace: str, stopped: str
) -> None:
    """The node the tests stand on: its programs can be taken away and given back."""
    objects.create(admin, objects.pod("before", namespace))
    running(admin, "before", namespace)
    sandbox = node.sandbox(namespace, "before")
    getattr(node, stopped).stop()
    assert "eth0" in {link["ifname"] for link in ip_json("link", namespace=sandbox.netns)}
    getattr(node, stopped).start()
    objects.create(admin, objects.pod("after", namespace))
    running(admin, "after", namespace)
    assert node.sandbox(namespace, "before") == sandbox


def test_a_pod_reaches_the_api_server_where_pods_look_for_it(
    node: Node, control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """The node the tests stand on: agents speak to the API server."""
    objects.create(admin, objects.pod("one", namespace))
    running(admin, "one", namespace)
    ask = (
        "import sys; from pathlib import Path; from tests.cluster.client import Client;"
        f"print(Client('https://{SERVICE_ADDRESS}', Path(sys.argv[1])).text('/readyz'))"
    )
    command = ["ip", "netns", "exec", node.sandbox(namespace, "one").netns, sys.executable, "-c", ask, control_plane.ca]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.stdout == "ok\n", asked.stderr


def test_kubectl_runs_a_program_in_a_pod_and_shows_its_log(
    node: Node, control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """The node the tests stand on: the API server reaches the kubelet."""
    objects.create(admin, objects.pod("one", namespace))
    running(admin, "one", namespace)
    assert control_plane.kubectl("exec", "one", "--", "/waits", "hello", namespace=namespace) == "hello\n"
    assert control_plane.kubectl("logs", "one", namespace=namespace) == "waiting\n"


def test_a_privileged_pod_sees_what_is_mounted_on_the_node_after_it_began_and_the_node_what_it_mounts(
    node: Node, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """The node the tests stand on: agents work with network namespaces, which are mounts."""
    for folder in ("by-node", "by-pod"):
        (tmp_path / folder).mkdir()
    mounts = {"name": "node", "mountPath": "/node", "mountPropagation": "Bidirectional"}
    pod = objects.pod("agent", namespace, hostNetwork=True, hostPID=True)
    pod["spec"]["volumes"] = [{"name": "node", "hostPath": {"path": "/"}}]
    pod["spec"]["containers"][0] |= {"volumeMounts": [mounts], "securityContext": {"privileged": True}}
    objects.create(admin, pod)
    running(admin, "agent", namespace)
    pid = node.pid(namespace, "agent")
    inside = ["nsenter", f"--target={pid}", "--mount", f"--root=/proc/{pid}/root/node"]
    by_node, by_pod = str(tmp_path / "by-node"), str(tmp_path / "by-pod")
    run("mount", "-t", "tmpfs", "by-node", by_node)
    run(*inside, "mount", "-t", "tmpfs", "by-pod", by_pod)
    try:
        assert run(*inside, "findmnt", "--noheadings", "--output=SOURCE", by_node) == "by-node\n"
        assert run("findmnt", "--noheadings", "--output=SOURCE", by_pod) == "by-pod\n"
    finally:
        run("umount", by_node, by_pod)


def test_a_deployment_is_scaled_up_and_down(node: Node, admin: Client, namespace: str) -> None:
    """The node the tests stand on: controllers make pods and end them."""
    before = ports()
    objects.create(admin, deployment := objects.deployment("many", namespace, 5))
    path = objects.path(deployment)
    eventually(lambda: admin.get(path)["status"].get("readyReplicas"), lambda ready: ready == 5)
    pods = admin.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    assert len({pod["status"]["podIP"] for pod in pods}) == len(pods) == 5
    admin.patch(path, {"spec": {"replicas": 0}})
    eventually(lambda: admin.get(f"/api/v1/namespaces/{namespace}/pods")["items"], lambda pods: pods == [])
    assert ports() == before
