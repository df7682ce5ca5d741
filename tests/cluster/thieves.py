"""A stolen credential of a daemon, and what a thief tries with it.

The token is as kubelet gives it to the daemon's pod on its node: of the service account, bound to that pod.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from plurimus.adapters.kubernetes import DEFINITIONS
from plurimus.model.pod import NETWORK_STATUS, Pod

from . import deployed, objects
from .asdaemon import NODE, delete_pod, make_pod
from .client import Client, Object
from .controlplane import ControlPlane

OTHER = "node-2"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_numbers = count(1)


@dataclass(frozen=True)
class Stolen:
    """`client` has the credential, which is for the node `NODE`; `mine` is a pod there, `theirs` one of `OTHER`."""

    client: Client
    token: str
    namespace: str
    mine: Pod
    theirs: Pod

    def pod(self, name: str = "", part: str = "") -> str:
        """A path in the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{name}{part and '/'}{part}".removesuffix("/")

    def status(self, pod: Pod, **change: Any) -> Object:
        """Change something of a pod by the one way there is."""
        return self.client.patch(self.pod(pod.name, "status"), change)

    def event(self, host: str, kind: str = "Pod") -> Object:
        about = {"apiVersion": "v1", "kind": kind, "namespace": self.namespace, "name": self.theirs.name}
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"stolen-{time.monotonic_ns()}"},
                 "involvedObject": about, "reason": "Lie", "message": "-", "source": {"host": host}}  # fmt: skip
        return self.client.post(f"/api/v1/namespaces/{self.namespace}/events", event)

    def account_token(self, account: str = deployed.ACCOUNT, **spec: Any) -> Object:
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = objects.path(objects.service_account(account, deployed.NAMESPACE))
        return self.client.post(f"{path}/token", request)


@contextmanager
def stolen(control_plane: ControlPlane, namespace: str) -> Iterator[Stolen]:
    """The objects of deploy/ are there already."""
    admin, name = control_plane.admin, f"daemon-{next(_numbers)}"
    spec = {"serviceAccountName": deployed.ACCOUNT, "nodeName": NODE, "automountServiceAccountToken": False}
    made = objects.create(admin, objects.pod(name, deployed.NAMESPACE, **spec))
    bound = {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": made["metadata"]["uid"]}
    token = deployed.token(admin, bound=bound)
    mine = make_pod(admin, namespace, "mine", networks="a")
    theirs = make_pod(admin, namespace, "theirs", networks="a", node=OTHER)
    yield Stolen(control_plane.bearer(token), token, namespace, mine, theirs)
    delete_pod(admin, deployed.NAMESPACE, name)
    for pod in (mine, theirs):
        delete_pod(admin, namespace, pod.name)


def _grant(thief: Stolen) -> Object:
    """All rights, to the account itself."""
    subject = {"kind": "ServiceAccount", "name": deployed.ACCOUNT, "namespace": deployed.NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    return thief.client.post(f"{_RBAC}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "mine"},
        "subjects": [subject], "roleRef": role})  # fmt: skip


def _definition(thief: Stolen) -> Object:
    return objects.create(thief.client, objects.network("evil", thief.namespace, "{}"))


def _of(path: str) -> Callable[[Stolen], Object]:
    return lambda thief: thief.client.get(path)


_EVERYTHING = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
ATTACKS: dict[str, Callable[[Stolen], Object]] = {
    "secrets of the cluster": _of("/api/v1/secrets"),
    "a secret by its name": _of(f"/api/v1/namespaces/{deployed.NAMESPACE}/secrets/any"),
    "configuration of others": _of("/api/v1/configmaps"),
    "the nodes": _of("/api/v1/nodes"),
    "a kubelet by the API server": _of(f"/api/v1/nodes/{OTHER}/proxy/pods"),
    "events of others": _of("/api/v1/events"),
    "all claims": _of("/apis/resource.k8s.io/v1/resourceclaims"),
    "the log of a pod": lambda thief: thief.client.get(thief.pod(thief.theirs.name, "log")),
    "a command in a pod": lambda thief: thief.client.post(thief.pod(thief.theirs.name, "exec"), {}, command="id"),
    "a container into a pod": lambda thief: thief.client.patch(thief.pod(thief.mine.name, "ephemeralcontainers"), {}),
    "a pod made": lambda thief: thief.client.post(thief.pod(), objects.pod("evil", thief.namespace)),
    "a pod of its own changed": lambda thief: thief.client.patch(thief.pod(thief.mine.name), {}),
    "a pod deleted": lambda thief: thief.client.delete(thief.pod(thief.theirs.name)),
    "a pod evicted": lambda thief: thief.client.post(thief.pod(thief.theirs.name, "eviction"), {
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": thief.theirs.name}}),
    "a definition made": _definition,
    "a definition changed": lambda thief: thief.client.patch(DEFINITIONS.replace(
        "/v1/", f"/v1/namespaces/{thief.namespace}/") + "/any", {}),
    "a token of another account": lambda thief: thief.account_token("default"),
    "a longer token of its own": lambda thief: thief.account_token(expirationSeconds=86400),
    "the administrator": lambda thief: thief.client.acting_as("admin", "system:masters").get("/api/v1/pods"),
    "its own account by impersonation": lambda thief: thief.client.acting_as(
        f"system:serviceaccount:{deployed.NAMESPACE}:{deployed.ACCOUNT}").get("/api/v1/pods"),
    "all rights given": _grant,
    "all rights in its role": lambda thief: thief.client.patch(f"{_RBAC}/clusterroles/plurimus", _EVERYTHING),
    "a certificate": lambda thief: thief.client.post("/apis/certificates.k8s.io/v1/certificatesigningrequests", {}),
    "a webhook that sees all": lambda thief: thief.client.post(f"{_WEBHOOKS}/mutatingwebhookconfigurations", {}),
    "an end of own-node.yaml": lambda thief: thief.client.delete(
        f"{_WEBHOOKS}/validatingadmissionpolicybindings/plurimus-pods"),
}  # fmt: skip
"""What no right of a daemon is for."""

BEYOND_ITS_NODE: dict[str, Callable[[Stolen], Object]] = {
    "the network status of another node's pod": lambda thief: thief.status(
        thief.theirs, metadata={"annotations": {NETWORK_STATUS: "[]"}}),
    "a label, which services and policies select by": lambda thief: thief.status(
        thief.mine, metadata={"labels": {"app": "database"}}),
    "another annotation": lambda thief: thief.status(
        thief.mine, metadata={"annotations": {"k8s.v1.cni.cncf.io/networks": "evil"}}),
    "an annotation taken away": lambda thief: thief.status(thief.mine, metadata={"annotations": {"other": None}}),
    "an address": lambda thief: thief.status(thief.mine, status={"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}),
    "readiness": lambda thief: thief.status(
        thief.mine, status={"conditions": [{"type": "Ready", "status": "True"}]}),
    "an end": lambda thief: thief.status(thief.mine, status={"phase": "Failed"}),
    "a finalizer, which keeps a pod for ever": lambda thief: thief.status(
        thief.mine, metadata={"finalizers": ["evil.example/never"]}),
    "an event in another node's name": lambda thief: thief.event(OTHER),
    "an event about what is no pod": lambda thief: thief.event(NODE, "Node"),
}  # fmt: skip
"""What roles cannot tell from a daemon's work, and deploy/own-node.yaml does."""
