"""The real Multus on the tests' node, as its thick daemon's manifest sets it up: identity, programs, daemon."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from plurimus.version import VERSION
from tests.cluster import deployed, objects
from tests.cluster.client import Object
from tests.cluster.controlplane import SERVICE_ADDRESS, SERVICE_PORT, ControlPlane
from tests.cluster.node import Node
from tests.cluster.programs import ROOT
from tests.cluster.service import Service
from tests.node.daemon import PLUGINS as REFERENCE

from .places import CONFIGURATIONS, PLUGINS

PROGRAMS = ROOT / "build/peers"
GENERATED = CONFIGURATIONS / "00-multus.conf"
ACCOUNT = "multus"
_RBAC = "rbac.authorization.k8s.io"
_CREDENTIALS = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod has them: the daemon looks nowhere else."""


class Multus:
    """A daemon that can be started and stopped; it works with the places its manifest mounts."""

    def __init__(self, folder: Path, node: Node, control_plane: ControlPlane) -> None:
        if not (PROGRAMS / "multus-daemon").exists():
            pytest.fail(f"{PROGRAMS.relative_to(ROOT)} has no Multus; run `make test-cluster`, which builds it")
        self._control_plane = control_plane
        self._config = folder / "multus.json"
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "MULTUS_NODE_NAME": node.name,
            "KUBERNETES_SERVICE_HOST": SERVICE_ADDRESS,
            "KUBERNETES_SERVICE_PORT": str(SERVICE_PORT),
        }
        command = [PROGRAMS / "multus-daemon", "-config", self._config]
        self._daemon = Service("multus", command, folder / "multus.log", GENERATED.exists, environment)

    def start(self) -> None:
        """Put its programs where they belong, start it, and wait until it has written the node's CNI configuration."""
        for thing in rights():
            objects.ensure(self._control_plane.admin, thing)
        for name in ("multus-shim", "passthru"):
            new = PLUGINS / f".{name}.new"
            shutil.copy(PROGRAMS / name, new)
            new.replace(PLUGINS / name)
        _CREDENTIALS.mkdir(parents=True, exist_ok=True)
        (_CREDENTIALS / "token").write_text(deployed.token(self._control_plane.admin, ACCOUNT))
        shutil.copy(self._control_plane.ca, _CREDENTIALS / "ca.crt")
        self._config.write_text(json.dumps(CONFIG))
        self._daemon.start()

    def stop(self) -> None:
        """As kubelet ends its pod; it takes its time, and the configuration it generated with it (S3)."""
        self._daemon.stop(kindly=True)

    def end(self) -> None:
        """End it at once."""
        self._daemon.stop()
        shutil.rmtree(_CREDENTIALS, ignore_errors=True)


CONFIG = {
    "cniVersion": "0.3.1",
    "logLevel": "verbose",
    "logToStderr": True,
    "cniConfigDir": str(CONFIGURATIONS),
    "multusAutoconfigDir": str(CONFIGURATIONS),
    "multusConfigFile": "auto",
    "socketDir": "/run/multus/",
}


def manifest() -> list[Object]:
    """What deploys it: its own is not to be had here, so this is one with the same parts and places.

    Neither is its image: the programs are mounted into ours, whose programs install the shim.
    """
    programs = {"name": "programs", "mountPath": "/usr/src/multus-cni/bin"}
    places = {
        "cni": ("/etc/cni/net.d", "/host/etc/cni/net.d", None),
        "cnibin": ("/opt/cni/bin", "/opt/cni/bin", None),
        "host-run": ("/run", "/host/run", None),
        "state": ("/var/lib/cni/multus", "/var/lib/cni/multus", None),
        "netns": ("/run/netns", "/run/netns", "HostToContainer"),
        "hostroot": ("/", "/hostroot", "HostToContainer"),
        # it looks for plugins in its container before it runs them on the host; there they are links to this folder
        "plugins": (str(REFERENCE), str(REFERENCE), None),
    }
    mounts = [
        {"name": name, "mountPath": inside} | ({"mountPropagation": how} if how else {})
        for name, (_, inside, how) in places.items()
    ]
    volumes: list[Object] = [{"name": name, "hostPath": {"path": path}} for name, (path, _, _) in places.items()]
    volumes.append({"name": "programs", "hostPath": {"path": str(PROGRAMS)}})
    volumes.append({"name": "config", "configMap": {"name": "multus-daemon-config"}})
    common = {
        "image": f"localhost/plurimus:{VERSION}",
        "imagePullPolicy": "Never",
        "securityContext": {"privileged": True},
    }
    shim = "/usr/src/multus-cni/bin/multus-shim"
    installing = (
        f"cp {shim} /host/opt/cni/bin/.multus-shim && mv /host/opt/cni/bin/.multus-shim /host/opt/cni/bin/multus-shim"
    )
    install = {
        "name": "install-multus-binary",
        "command": ["sh", "-c", installing],
        "volumeMounts": [programs, {"name": "cnibin", "mountPath": "/host/opt/cni/bin"}],
    }
    node = {"name": "MULTUS_NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    daemon = {
        "name": "kube-multus",
        "command": ["/usr/src/multus-cni/bin/multus-daemon"],
        "env": [node],
        "volumeMounts": [*mounts, programs, {"name": "config", "mountPath": "/etc/cni/net.d/multus.d"}],
    }
    spec = {
        "hostNetwork": True,
        "hostPID": True,
        "serviceAccountName": ACCOUNT,
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 30,
        "initContainers": [install | common],
        "containers": [daemon | common],
        "volumes": volumes,
    }
    inside = CONFIG | dict.fromkeys(("cniConfigDir", "multusAutoconfigDir"), f"/host{CONFIGURATIONS}")
    inside |= {"chrootDir": "/hostroot", "socketDir": "/host/run/multus/"}
    labels = {"name": "multus"}
    return [
        *rights(),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "multus-daemon-config", "namespace": deployed.NAMESPACE},
            "data": {"daemon-config.json": json.dumps(inside)},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "kube-multus-ds", "namespace": deployed.NAMESPACE, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
        },
    ]


def rights() -> list[Object]:
    """The service account of the daemon, and what its manifest allows it."""
    rules = [
        {"apiGroups": ["k8s.cni.cncf.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["get", "list", "update", "watch"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    ]
    role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": ACCOUNT}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": deployed.NAMESPACE}
    named = {"apiVersion": f"{_RBAC}/v1", "metadata": {"name": ACCOUNT}}
    return [
        objects.service_account(ACCOUNT, deployed.NAMESPACE),
        {**named, "kind": "ClusterRole", "rules": rules},
        {**named, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [subject]},
    ]
