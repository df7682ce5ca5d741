"""A daemon in a container that is known by its node's certificate, on a node as kubeadm leaves it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import deployed, objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import KUBELET, Node

from .daemonset import DaemonSet
from .places import default_places
from .pods import addresses, delete, network_status, pod, running

KUBELET_CONF, PKI = Path("/etc/kubernetes/kubelet.conf"), KUBELET / "pki"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


class WithCertificates(DaemonSet):
    """The kustomization with per-node certificates, on a node that has kubelet's own identity where it looks."""

    def _set_up(self) -> None:
        shutil.rmtree(PKI, ignore_errors=True)
        PKI.mkdir()
        kubelet = self._control_plane.authority.client("bootstrap", f"system:node:{self._node.name}", "system:nodes")
        pem = PKI / "kubelet-client-current.pem"
        pem.write_text(kubelet.certificate.read_text() + kubelet.key.read_text())
        conf = json.loads(self._control_plane.kubeconfig.read_text())
        conf["users"][0]["user"] = {"client-certificate": str(pem), "client-key": str(pem)}
        shutil.copy(self._control_plane.ca, PKI / "ca.crt")
        conf["clusters"][0]["cluster"]["certificate-authority"] = str(PKI / "ca.crt")
        KUBELET_CONF.parent.mkdir(exist_ok=True)
        KUBELET_CONF.write_text(json.dumps(conf))
        super()._set_up()

    def apply(self, manifest: str) -> str:
        """The kustomization, in place of a manifest; then nobody has the service account's rights any more."""
        applied = self._control_plane.kubectl(
            "apply", "--kustomize", str(deployed.DEPLOY / "kustomize/certificates"), namespace=""
        )
        self.kubectl("delete", "clusterrolebinding", "plurimus")
        return applied

    def _take_down(self) -> None:
        self.kubectl("delete", "--ignore-not-found", "deployment/plurimus-approver")
        super()._take_down()
        deployed.apply(self._control_plane.admin)
        shutil.rmtree(PKI)


@pytest.fixture(scope="module")
def plurimus(
    logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WithCertificates]:
    """In place of the one that is installed by hand."""
    folder = tmp_path_factory.mktemp("certificates")
    logs.append(folder)
    with default_places(folder / "places", node), WithCertificates(folder, node, control_plane) as daemonset:
        yield daemonset


def test_a_pod_has_its_networks_by_a_daemon_that_has_no_token(
    node: Node, plurimus: WithCertificates, admin: Client, namespace: str
) -> None:
    """F76, F77: the approver in its container approved what the daemon asked for, and that is whom the status is of."""
    plurimus.network("rail", namespace)
    before = plurimus.left()
    objects.create(admin, pod("trainer", namespace, "rail"))
    running(admin, "trainer", namespace)
    assert addresses(node.sandbox(namespace, "trainer").netns).keys() == {"eth0", "net1"}
    assert [each["name"] for each in network_status(admin, "trainer", namespace)] == ["primary", f"{namespace}/rail"]
    (asked,) = [each for each in admin.get(REQUESTS)["items"] if each["metadata"]["name"].startswith("plurimus-")]
    assert asked["spec"]["username"] == f"system:node:{node.name}"
    assert [each["reason"] for each in asked["status"]["conditions"]] == ["AutoApproved"]
    plurimus.kubectl("exec", "daemonset/plurimus", "--", "ls", "/etc/cni/multus/certs/multus-client-current.pem")
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


def test_the_doctor_in_its_container_finds_nothing_wrong(plurimus: WithCertificates) -> None:
    """F76: it asks the API server as the daemon does."""
    findings = json.loads(plurimus.inside("plurimus", "doctor", "--output", "json"))
    assert {each["level"] for each in findings} == {"ok"}, findings
    assert [each["text"].rpartition(" lists ")[2] for each in findings if each["subject"] == "cluster"] == [
        "network attachment definitions", "pods",
    ]  # fmt: skip
