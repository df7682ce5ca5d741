"""Who the API server takes the daemon for: client certificates and credential programs, and their replacements."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from plurimus.adapters import kubeconfig
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access, ExecPlugin
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.cni.errors import ClusterError

from . import deployed, objects
from .asdaemon import NODE, annotations, becomes, held, make_pod, running
from .certificates import Authority, Pair
from .client import Client
from .controlplane import ControlPlane

USER = "daemon-of-a-node"


@pytest.fixture
def account(admin: Client) -> str:
    """A user with the rights of deploy/, known by a certificate."""
    deployed.apply(admin)
    (role,) = (thing for thing in deployed.documents("rbac.yaml") if thing["kind"] == "ClusterRoleBinding")
    binding = role | {
        "metadata": {"name": USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
    }
    objects.ensure(admin, binding)
    return USER


def put(pair: Pair, folder: Path) -> None:
    shutil.copy(pair.certificate, folder / "tls.crt")
    shutil.copy(pair.key, folder / "tls.key")


async def test_certificates_named_in_a_kubeconfig(
    control_plane: ControlPlane, admin: Client, account: str, namespace: str
) -> None:
    """Spec section 2.8."""
    pair = control_plane.authority.client("by-kubeconfig", account)
    access = kubeconfig.load(control_plane.write_kubeconfig("by-kubeconfig", pair))
    pod = make_pod(admin, namespace, networks="rail")
    async with running(access) as found:
        assert held(found, namespace) == [pod]
        await found.write_status(pod, '[{"name": "rail"}]')
    assert annotations(admin, pod)["k8s.v1.cni.cncf.io/network-status"] == '[{"name": "rail"}]'


async def test_certificates_that_are_replaced_are_used_for_the_next_request(
    control_plane: ControlPlane, admin: Client, account: str, namespace: str, tmp_path: Path
) -> None:
    """A certificate of somebody without rights, then one of nobody's authority, then the right one again."""
    mine = control_plane.authority.client("mine", account)
    another = control_plane.authority.client("another", "nobody-in-particular")
    stranger = Authority(tmp_path / "elsewhere").client("stranger", account)
    put(mine, tmp_path)
    access = Access(
        control_plane.server, ca=control_plane.ca, certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key"
    )
    pod = make_pod(admin, namespace)
    async with running(access, timeout=2.0) as found:
        await found.write_status(pod, "[]")
        put(another, tmp_path)
        with pytest.raises(ClusterError, match=r'403 Forbidden: .*User "nobody-in-particular" cannot patch'):
            await found.write_status(pod, "[]")
        put(stranger, tmp_path)
        with pytest.raises(ClusterError, match="401"):
            await found.write_status(pod, "[]")
        put(mine, tmp_path)
        await found.write_status(pod, "[]")
        later = make_pod(admin, namespace, "later")
        await becomes(lambda: held(found, namespace), [later, pod])


async def test_half_of_a_replacement_is_waited_for(
    control_plane: ControlPlane, admin: Client, account: str, namespace: str, tmp_path: Path
) -> None:
    """The new certificate is there, its key not yet: an error that leaves hope, and no end of the copies."""
    old, new = (control_plane.authority.client(name, account) for name in ("old", "new"))
    put(old, tmp_path)
    access = Access(
        control_plane.server, ca=control_plane.ca, certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key"
    )
    pod = make_pod(admin, namespace)
    async with running(access, timeout=0.5) as found:
        shutil.copy(new.certificate, tmp_path / "tls.crt")
        with pytest.raises(ClusterError, match=f"identity for {control_plane.server}"):
            await found.write_status(pod, "[]")
        shutil.copy(new.key, tmp_path / "tls.key")
        await found.write_status(pod, "[]")


def program(folder: Path, status: dict[str, str]) -> ExecPlugin:
    """A credential program that gives what the file beside it says."""
    (folder / "credential.json").write_text(json.dumps({"kind": "ExecCredential", "status": status}))
    path = folder / "credential"
    path.write_text(f"#!/bin/sh\nexec cat {folder}/credential.json\n")
    path.chmod(0o755)
    return ExecPlugin(str(path), api_version="client.authentication.k8s.io/v1")


async def test_a_token_of_a_credential_program(
    access: Access, control_plane: ControlPlane, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """One that is refused is got rid of: the program is asked again at once."""
    pod = make_pod(admin, namespace)
    told = program(tmp_path, {"token": "no-token"})
    api = ApiServer(Access(control_plane.server, ca=control_plane.ca, exec=told), timeout=5)
    try:
        cluster = KubernetesCluster(api, NODE)
        with pytest.raises(ClusterError, match="401"):
            await cluster.write_status(pod, "[]")
        program(tmp_path, {"token": deployed.token(admin)})
        await cluster.write_status(pod, "[]")
        assert await cluster.get_pod(namespace, "trainer") == pod
    finally:
        await api.close()


async def test_a_certificate_of_a_credential_program(
    control_plane: ControlPlane, admin: Client, account: str, namespace: str, tmp_path: Path
) -> None:
    pair = control_plane.authority.client("by-program", account)
    told = program(
        tmp_path,
        {"clientCertificateData": pair.certificate.read_text(), "clientKeyData": pair.key.read_text()},
    )
    pod = make_pod(admin, namespace)
    async with running(Access(control_plane.server, ca=control_plane.ca, exec=told)) as found:
        assert held(found, namespace) == [pod]
        await found.write_status(pod, "[]")
