"""Processes that each serve one call: beside each other, killed, ended, without an API server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import kubeconfigs

from .daemon import SHIM
from .process import begin, end, eventually, go, launch
from .runtime import Answer
from .test_thin import shared_node  # noqa: F401 - the node of this module, too
from .thin import ThinNode


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """The URL of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def in_cluster(node: ThinNode, conf: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """A configuration that has Kubernetes as its cluster."""
    return {**conf, "manifests": "", **keys}


def test_a_second_call_for_a_sandbox_waits_for_the_first(node: ThinNode) -> None:
    """F2: nothing of either is lost."""
    pod = node.told(node.bridge())
    before = node.snapshot()
    adding = begin(pod, "ADD")
    checking = launch(pod, "CHECK")
    eventually(lambda: node.logged("another request of this sandbox is under way"), node.log.read_text)
    assert node.made() == []
    go(node)
    for call in (adding, checking):
        end(call).succeeded()
    assert node.made() == ["ADD", "CHECK"]
    pod.delete()
    node.is_as(before)


def test_a_del_ends_the_add_of_its_sandbox_and_has_it_undone(node: ThinNode) -> None:
    """CNI spec, "Lifecycle & Ordering"."""
    pod = node.told(node.bridge())
    before = node.snapshot()
    adding = begin(pod, "ADD")
    (node.folder / "started").unlink()
    deleting = launch(pod, "DEL")
    eventually((node.folder / "started").exists, node.log.read_text)  # its plugin is called again
    go(node)
    assert "a DEL of its sandbox" in end(adding).refused(11)
    end(deleting).succeeded()
    assert node.made() == ["DEL"]
    node.is_as(before)


def test_calls_for_two_sandboxes_do_not_wait_for_each_other(node: ThinNode) -> None:
    first, second = node.told(), node.sandbox()
    adding = begin(first, "ADD")
    second.add()
    second.delete()
    go(node)
    end(adding).succeeded()


def test_what_a_killed_call_did_is_undone_by_the_delete(node: ThinNode) -> None:
    """F2, S6: also what its plugin goes on to do, which the DEL waits for."""
    pod = node.told(node.bridge())
    before = node.snapshot()
    adding = begin(pod, "ADD")
    adding.send_signal(signal.SIGKILL)
    assert end(adding).status == -signal.SIGKILL
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"]}
    deleting = launch(pod, "DEL")
    eventually(lambda: node.logged("a plugin of a request that was killed still runs"), node.log.read_text)
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"]}
    go(node)
    end(deleting).succeeded()
    assert node.made() == ["ADD", "DEL"]
    node.is_as(before)


def test_a_call_that_is_asked_to_end_undoes_what_it_did(node: ThinNode) -> None:
    """F2: and says so."""
    pod = node.told(node.bridge())
    before = node.snapshot()
    adding = begin(pod, "ADD")
    (node.folder / "started").unlink()
    adding.send_signal(signal.SIGTERM)
    eventually((node.folder / "started").exists, node.log.read_text)  # its plugin is called again
    go(node)
    assert "SIGTERM" in end(adding).refused(11)
    assert node.made() == ["DEL"]
    node.is_as(before)


@pytest.mark.parametrize("server", ["silent", "nobody"])
def test_an_api_server_that_is_away_is_code_11(
    node: ThinNode, server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """S13, S14: within the time limit, and nothing is done."""
    pod = node.sandbox()
    before = node.snapshot()
    path = kubeconfigs.write(tmp_path / "kubeconfig", request.getfixturevalue(server))
    pod.netconf = in_cluster(node, pod.netconf, kubeconfig=str(path), apiTimeout=0.5)
    assert "GET /api/v1/namespaces/default/pods" in pod.call("ADD").refused(11)
    node.is_as(before)


@pytest.mark.parametrize("server", ["silent", "nobody"])
def test_a_delete_needs_no_api_server(
    node: ThinNode, server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """F2, S5: nor, below, a kubeconfig."""
    pod = node.sandbox()
    before = node.snapshot()
    pod.add()
    path = kubeconfigs.write(tmp_path / "kubeconfig", request.getfixturevalue(server))
    pod.netconf = in_cluster(node, pod.netconf, kubeconfig=str(path))
    pod.delete()
    node.is_as(before)


def test_without_its_kubeconfig_a_node_is_not_ready_and_deletes_all_the_same(node: ThinNode, tmp_path: Path) -> None:
    """F4, F2: the file and what is wrong are named."""
    pod, other = node.sandbox(), node.sandbox()
    before = node.snapshot()
    pod.add()
    pod.netconf = in_cluster(node, pod.netconf, kubeconfig=str(tmp_path / "gone"))
    said = f"kubeconfig {tmp_path}/gone: No such file or directory"
    assert said in node.call("STATUS", pod.netconf).refused(50)
    assert said in other.call("ADD", kubeconfig=str(tmp_path / "gone"), manifests="").refused(7)
    pod.delete()
    node.is_as(before)


def test_the_environment_of_the_runtime_reaches_the_plugins(node: ThinNode) -> None:
    """Spec section 1.5: whose process it is, unlike a daemon's."""
    node.script(
        "seen", 'print(json.dumps({"code": 119, "msg": env.get("HTTP_PROXY", "") + env.get("EXTRA", "")}))\nsys.exit(1)'
    )
    node.program.write_text("EXTRA=b\n" + node.program.read_text())
    pod = node.sandbox(cluster_network={"cniVersion": "1.0.0", "name": "pods", "type": "seen"})
    env = {"CNI_COMMAND": "ADD", "CNI_PATH": str(node.bin), "HTTP_PROXY": "a", **pod.environment()}
    done = subprocess.run([SHIM], input=json.dumps(pod.netconf).encode(), env=env, capture_output=True, check=False)
    assert "ab" in Answer(done.returncode, done.stdout).refused(119)
    assert os.environ.get("EXTRA") is None
