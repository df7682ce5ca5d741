"""The cluster the other tests of this folder stand on."""

from __future__ import annotations

import json
import subprocess
from urllib.error import URLError

import pytest

from . import deployed, objects
from .client import Client, Refused
from .controlplane import ControlPlane
from .programs import program
from .waiting import eventually

CONFIG = json.dumps({"cniVersion": "1.1.0", "name": "rail", "type": "bridge"})
WHO_AM_I = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


def read(client: Client, network: str) -> str:
    """The configuration of a network; empty while the client may not read it."""
    try:
        config: str = client.get(network)["spec"]["config"]
    except Refused:
        return ""
    return config


def test_the_api_server_is_ready_and_of_the_release_its_program_tells(admin: Client) -> None:
    """The node the tests stand on: a real API server."""
    told = subprocess.run([program("kube-apiserver"), "--version"], capture_output=True, text=True, check=True)
    assert admin.text("/readyz") == "ok"
    assert told.stdout.split() == ["Kubernetes", admin.get("/version")["gitVersion"]]


def test_a_network_attachment_definition_is_stored_and_read_without_what_its_schema_does_not_know(
    admin: Client, networks: None, namespace: str
) -> None:
    """Spec section 4.1."""
    written = objects.network("rail", namespace, CONFIG)
    written["spec"]["colour"] = "red"
    objects.create(admin, written)
    read = admin.get(f"/apis/k8s.cni.cncf.io/v1/namespaces/{namespace}/network-attachment-definitions/rail")
    assert (read["kind"], read["spec"]) == ("NetworkAttachmentDefinition", {"config": CONFIG})


@pytest.mark.parametrize("word", ["nad", "net-attach-def", "network-attachment-definitions"])
def test_kubectl_lists_network_attachment_definitions_by_all_their_names(
    control_plane: ControlPlane, admin: Client, networks: None, namespace: str, word: str
) -> None:
    """Spec section 4.1."""
    objects.create(admin, objects.network("rail", namespace, CONFIG))
    listed = control_plane.kubectl("get", word, "--output", "name", namespace=namespace)
    assert listed == "networkattachmentdefinition.k8s.cni.cncf.io/rail\n"


def test_a_requested_token_is_its_service_account(control_plane: ControlPlane, admin: Client, namespace: str) -> None:
    """RBAC of the tests: programs run under the rights of their service account."""
    objects.create(admin, objects.service_account("reader", namespace))
    reader = control_plane.bearer(deployed.token(admin, "reader", namespace))
    user = reader.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO_AM_I)["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{namespace}:reader"


def test_nobody_without_or_with_a_wrong_token_is_let_in(control_plane: ControlPlane, namespace: str) -> None:
    """RBAC of the tests: what is granted to a service account is granted to nobody else."""
    codes = []
    for bearer in (control_plane.bearer(""), control_plane.bearer("wrong")):
        with pytest.raises(Refused) as refusal:
            bearer.get(f"/api/v1/namespaces/{namespace}/pods")
        codes.append(refusal.value.code)
    assert codes == [403, 401]


def test_a_service_account_may_do_what_it_was_granted_and_nothing_else(
    control_plane: ControlPlane, admin: Client, networks: None, namespace: str
) -> None:
    """RBAC of the tests: rights that are too few show as a refusal."""
    objects.create(admin, objects.service_account("reader", namespace))
    reader = control_plane.bearer(deployed.token(admin, "reader", namespace))
    objects.create(admin, objects.network("rail", namespace, CONFIG))
    rail = objects.path(objects.network("rail", namespace, CONFIG))
    with pytest.raises(Refused) as refusal:
        reader.get(rail)
    assert (refusal.value.code, refusal.value.reason) == (403, "Forbidden")
    plural = "network-attachment-definitions"
    objects.create(admin, objects.role("read", namespace, objects.GROUP, [plural], ["get"]))
    objects.create(admin, objects.role_binding("read", "reader", namespace))
    assert eventually(lambda: read(reader, rail)) == CONFIG
    with pytest.raises(Refused) as refusal:
        reader.delete(rail)
    assert (refusal.value.code, refusal.value.reason) == (403, "Forbidden")


def test_an_api_server_that_was_away_has_what_it_had(
    control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """The API server of the tests can be taken away and given back."""
    kept = admin.get(f"/api/v1/namespaces/{namespace}")
    control_plane.apiserver.stop()
    with pytest.raises(URLError):
        admin.get(f"/api/v1/namespaces/{namespace}")
    control_plane.apiserver.start()
    assert admin.get(f"/api/v1/namespaces/{namespace}") == kept
