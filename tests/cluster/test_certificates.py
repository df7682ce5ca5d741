"""A certificate for each node: asked for, approved, signed, used and renewed, at a real API server."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from plurimus.adapters import x509
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.certificates import CURRENT
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.signing import Denied
from plurimus.cni.errors import ClusterError
from plurimus.core.config import PerNodeCertificate
from plurimus.model.signing import GROUP, REQUESTS, SIGNER, USAGES, user
from plurimus.node.approve import Approver
from plurimus.node.identity import NodeIdentity
from tests import kubeconfigs

from ..node.daemon import PLURIMUS
from . import deployed, objects
from .asdaemon import NODE, becomes, held, make_pod, running
from .certificates import Authority, Pair
from .client import APPLY, Client, Object
from .controllers import Signer
from .controlplane import ControlPlane
from .proxy import Proxy

WHO_AM_I = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
APPROVER = "plurimus-approver"
EVENTS = "/api/v1/namespaces/default/events"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def signer(control_plane: ControlPlane) -> Iterator[None]:
    """What makes certificates of approved requests; and what deploy/ gives a cluster with such daemons."""
    admin = control_plane.admin
    for thing in deployed.rendered("certificates"):
        if thing["kind"] not in ("DaemonSet", "Deployment", "ConfigMap"):
            objects.ensure(admin, thing)
    with Signer(control_plane):
        yield


def kubelet_of(plane: ControlPlane, node: str) -> Path:
    """The kubeconfig of a node's kubelet."""
    name = f"kubelet-{node}"
    return plane.write_kubeconfig(name, plane.authority.client(name, f"system:node:{node}", "system:nodes"))


@pytest.fixture
def kubelet(control_plane: ControlPlane) -> Path:
    return kubelet_of(control_plane, NODE)


@asynccontextmanager
async def approving(plane: ControlPlane, folder: Path) -> AsyncIterator[None]:
    """The approver, with the rights of deploy/ and no others."""
    token = folder / "approver-token"
    token.write_text(deployed.token(plane.admin, APPROVER))
    api = ApiServer(Access(plane.server, ca=plane.ca, token_file=token), timeout=10)
    task = asyncio.create_task(Approver(api, x509.subject).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await api.close()


class Clock:
    """The time of day, and how far it was put on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@asynccontextmanager
async def identity(
    bootstrap: Path, folder: Path, clock: Clock | None = None, *, node: str = NODE, timeout: float = 10
) -> AsyncIterator[NodeIdentity]:
    config = PerNodeCertificate(enabled=True, bootstrap_kubeconfig=str(bootstrap), cert_dir=str(folder))
    own = NodeIdentity(config, node, timeout=timeout, now=clock or Clock(), look=0.05, pause=0.1)
    try:
        yield own
    finally:
        await own.close()


def requests(admin: Client) -> dict[str, Object]:
    """All there are, by name."""
    return {each["metadata"]["name"]: each for each in admin.get(REQUESTS)["items"]}


def _event(event: Object) -> tuple[str, str, str]:
    return event["reason"], event["message"], event["source"]["component"]


async def replaced(link: Path, old: str) -> str:
    """The name of the file that a new certificate is in."""
    async with asyncio.timeout(PATIENCE):
        while (name := str(link.readlink())) == old:
            await asyncio.sleep(0.02)
    return name


def who_is(plane: ControlPlane, path: Path) -> dict[str, Any]:
    """Whom the API server takes the owner of a certificate for."""
    told: dict[str, Any] = Client(plane.server, plane.ca, Pair(path, path)).post(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO_AM_I
    )["status"]["userInfo"]
    return told


async def test_a_node_gets_its_certificate_with_nothing_but_its_kubelets_identity(
    control_plane: ControlPlane, signer: None, kubelet: Path, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """F76, F77: asked for, approved, signed, and used with the rights of the group it is in."""
    pod = make_pod(admin, namespace)
    async with approving(control_plane, tmp_path), identity(kubelet, tmp_path / "certs") as own:
        await own.obtain()
        current = tmp_path / "certs" / CURRENT
        seen = await asyncio.to_thread(who_is, control_plane, current)
        assert (seen["username"], seen["groups"]) == (user(NODE), [GROUP, "system:authenticated"])
        assert (current.is_symlink(), current.stat().st_mode & 0o777) == (True, 0o600)
        async with running(own.access) as found:
            assert held(found, namespace) == [pod]
            await found.write_status(pod, "[]")


async def test_a_node_that_has_its_certificate_starts_with_it(
    control_plane: ControlPlane, signer: None, kubelet: Path, admin: Client, tmp_path: Path
) -> None:
    """F76: no request is made, so nobody has to be there to approve one."""
    async with approving(control_plane, tmp_path), identity(kubelet, tmp_path) as own:
        await own.obtain()
    before, file = requests(admin), (tmp_path / CURRENT).readlink()
    async with identity(kubelet, tmp_path) as own:
        await own.obtain()
        assert own.access.certificate == tmp_path / CURRENT
    assert (requests(admin).keys(), (tmp_path / CURRENT).readlink()) == (before.keys(), file)


async def test_a_certificate_is_renewed_with_itself_while_it_is_used(
    control_plane: ControlPlane, signer: None, kubelet: Path, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """F76: the last part of its life has come; the file changes under a daemon that goes on asking."""
    clock, certs = Clock(), tmp_path / "certs"
    async with approving(control_plane, tmp_path), identity(kubelet, certs, clock) as own:
        await own.obtain()
        first, before = str((certs / CURRENT).readlink()), requests(admin)
        async with running(own.access) as found, own.renewed():
            clock.ahead = 500.0
            second = await replaced(certs / CURRENT, first)
            clock.ahead = 0.0
            pod = make_pod(admin, namespace)
            await found.write_status(pod, "[]")
            await becomes(lambda: held(found, namespace), [pod])
        assert [each.name for each in certs.iterdir() if not each.is_symlink()] == [second]
    (new, *_) = [each for name, each in requests(admin).items() if name not in before]
    assert (new["spec"]["username"], new["spec"]["expirationSeconds"]) == (user(NODE), 600)


async def test_a_renewal_without_an_api_server_is_tried_until_there_is_one(
    control_plane: ControlPlane, signer: None, namespace: str, tmp_path: Path
) -> None:
    """F76: the old certificate stays, the log says it once."""
    with capture_logs() as logs:
        await _renew_without_an_api_server(control_plane, tmp_path)
    assert sum("is not renewed" in log["event"] for log in logs) == 1


async def _renew_without_an_api_server(control_plane: ControlPlane, tmp_path: Path) -> None:
    clock, certs = Clock(), tmp_path / "certs"
    async with Proxy.to(control_plane.port) as proxy, approving(control_plane, tmp_path):
        bootstrap = json.loads(kubelet_of(control_plane, NODE).read_text())
        bootstrap["clusters"][0]["cluster"]["server"] = proxy.url
        (tmp_path / "kubelet.conf").write_text(json.dumps(bootstrap))
        async with identity(tmp_path / "kubelet.conf", certs, clock, timeout=1.0) as own:
            await own.obtain()
            first, content = str((certs / CURRENT).readlink()), (certs / CURRENT).read_bytes()
            proxy.refusing = True
            proxy.cut()
            async with own.renewed():
                clock.ahead, before = 500.0, proxy.connections
                async with asyncio.timeout(PATIENCE):
                    while proxy.connections < before + 8:
                        await asyncio.sleep(0.05)
                assert (certs / CURRENT).read_bytes() == content
                proxy.refusing = False
                await replaced(certs / CURRENT, first)


async def test_a_certificate_the_api_server_does_not_know_is_replaced_by_the_bootstrap_identity(
    control_plane: ControlPlane, signer: None, kubelet: Path, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """F76: as after the cluster has got another authority."""
    pod, certs = make_pod(admin, namespace), tmp_path / "certs"
    certs.mkdir()
    stranger = Authority(tmp_path / "elsewhere").client("stranger", user(NODE), GROUP)
    (certs / "multus-client-2020.pem").write_text(stranger.certificate.read_text() + stranger.key.read_text())
    (certs / CURRENT).symlink_to("multus-client-2020.pem")
    async with approving(control_plane, tmp_path), identity(kubelet, certs) as own:
        await own.obtain()
        assert (certs / CURRENT).readlink().name == "multus-client-2020.pem"
        async with own.renewed(), running(own.access) as found:
            assert held(found, namespace) == [pod]
    assert (await asyncio.to_thread(who_is, control_plane, certs / CURRENT))["username"] == user(NODE)


async def test_a_node_that_asks_for_anothers_identity_is_denied_and_told_why(
    control_plane: ControlPlane, signer: None, admin: Client, tmp_path: Path
) -> None:
    """F77, S42: a condition of the request, which the daemon's error repeats, and an event."""
    why = f"the common name is '{user(NODE)}', expected '{user('node-2')}', of the user's own node"
    async with approving(control_plane, tmp_path), identity(kubelet_of(control_plane, "node-2"), tmp_path) as own:
        with pytest.raises(Denied, match=r"has no certificate to start with: .* was denied: CSRDenied: ") as caught:
            await own.obtain()
        assert caught.value.msg.endswith(why)
        denied = next(name for name in requests(admin) if name in caught.value.msg)
        (condition,) = requests(admin)[denied]["status"]["conditions"]
        assert (condition["type"], condition["reason"], condition["message"]) == ("Denied", "CSRDenied", why)
        selected = {"fieldSelector": f"involvedObject.name={denied}"}
        told = [("CSRDenied", why, "cert-approver")]
        await becomes(lambda: [_event(each) for each in admin.get(EVENTS, **selected)["items"]], told)
    assert not (tmp_path / CURRENT).exists()


async def test_a_daemon_that_nobody_approves_says_what_to_look_at(
    control_plane: ControlPlane, signer: None, kubelet: Path, tmp_path: Path
) -> None:
    """F76: it does not start, and waits no longer than it may."""
    async with identity(kubelet, tmp_path) as own:
        with pytest.raises(ClusterError, match="waits for approval: see that `plurimus approve` runs in the cluster"):
            await own.obtain(within=0.5)


@contextmanager
def command(*words: str | Path, log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """Our command as a process, which ends well when it is told to end."""
    with log.open("wb") as out:
        process = subprocess.Popen([PLURIMUS, *words], stdout=out, stderr=out, env=os.environ | env)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


async def test_the_daemon_and_the_approver_as_they_are_started(
    control_plane: ControlPlane, signer: None, kubelet: Path, admin: Client, tmp_path: Path
) -> None:
    """F76, F77: each a process; a request of somebody else at the same signer is left alone."""
    other = x509.make("somebody", "elsewhere").request
    spec = {"request": base64.b64encode(other.encode()).decode(), "signerName": SIGNER, "usages": list(USAGES)}
    kind = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    admin.post(REQUESTS, {**kind, "metadata": {"name": "somebody"}, "spec": spec})
    token = deployed.token(admin, APPROVER)
    kubeconfigs.write(tmp_path / "approver.json", control_plane.server, ca=control_plane.ca, user={"token": token})
    certificate = {"enabled": True, "bootstrapKubeconfig": str(kubelet), "certDir": str(tmp_path / "certs")}
    (tmp_path / "daemon.json").write_text(
        json.dumps({"socketDir": str(tmp_path / "s"), "cniDir": str(tmp_path / "c"), "perNodeCertificate": certificate})
    )
    with (
        command("approve", "--kubeconfig", tmp_path / "approver.json", log=tmp_path / "approver.log"),
        command("daemon", "--config", tmp_path / "daemon.json", log=tmp_path / "d.log", MULTUS_NODE_NAME=NODE),
    ):
        await becomes(lambda: "ready" in (tmp_path / "d.log").read_text(), True)
    assert (await asyncio.to_thread(who_is, control_plane, tmp_path / "certs" / CURRENT))["username"] == user(NODE)
    assert "conditions" not in admin.get(f"{REQUESTS}/somebody")["status"]


def test_an_api_server_takes_the_manifest_with_certificates_as_it_is(admin: Client) -> None:
    """F76, F77: every object, with no field it does not know."""
    for thing in deployed.rendered("certificates"):
        query = {"dryRun": "All", "fieldValidation": "Strict", "fieldManager": "tests", "force": "true"}
        assert admin.patch(objects.path(thing), thing, APPLY, **query)["kind"] == thing["kind"]
