"""A control plane in the test process's network namespace: etcd and the API server, on loopback, with RBAC."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests import kubeconfigs

from .certificates import Authority, Pair
from .client import Client, serves
from .programs import program
from .service import PATIENCE, Service

ADDRESS = "127.0.0.1"
SERVICE_ADDRESSES = "10.96.0.0/16"
SERVICE_ADDRESS, SERVICE_PORT = "10.96.0.1", 443
"""Where pods look for the API server."""
_AUDITED = "system:serviceaccount:kube-system:plurimus"
_NAMES = ["localhost", ADDRESS, SERVICE_ADDRESS, "kubernetes", "kubernetes.default", "kubernetes.default.svc"]


class ControlPlane:
    """All its files are in `folder`, the logs as `*.log`.  A `with` block starts and ends it.

    The API server may be stopped and started in between: it comes back on its port, with what etcd keeps.  `for_pods`
    lets it listen on all addresses and the port pods look for it at; the address is up to the node.  `features` are
    feature gates that are off by themselves.
    """

    def __init__(self, folder: Path, *, for_pods: bool = False, features: Sequence[str] = ()) -> None:
        self.folder, self._address = folder, "0.0.0.0" if for_pods else ADDRESS
        self._features = features
        self.authority = Authority(folder / "pki")
        self.accounts = self.authority.client("service-accounts", "service-accounts")
        """What tokens of service accounts are signed with."""
        etcd, peers, port = free_ports(3)
        self.port = SERVICE_PORT if for_pods else port
        self.server = f"https://localhost:{self.port}"
        admin = self.authority.client("admin", "admin", "system:masters")
        self.admin = Client(self.server, self.ca, admin)
        self.kubeconfig = self.write_kubeconfig("admin", admin)
        self.audit = folder / "audit.jsonl"
        """One line per request of the daemon of deploy/, as the API server answered it."""
        self.etcd_url = f"http://{ADDRESS}:{etcd}"
        self.etcd = self._etcd(self.etcd_url, f"http://{ADDRESS}:{peers}")
        self.apiserver = self._apiserver(self.etcd_url)

    def __enter__(self) -> Self:
        try:
            self.etcd.launch()
            self.apiserver.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.apiserver.stop()
        self.etcd.stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    @property
    def ca(self) -> Path:
        """The certificate of the authority all certificates are from."""
        return self.authority.own.certificate

    def bearer(self, token: str) -> Client:
        """A client that has a token."""
        return Client(self.server, self.ca, token=token)

    def kubectl(self, *words: str, namespace: str = "default") -> str:
        """What kubectl prints, run by the admin; it must succeed."""
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder)}
        command = [program("kubectl"), "--namespace", namespace, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def write_kubeconfig(self, name: str, owner: Pair) -> Path:
        """A file for programs that run as the owner of a certificate."""
        user = {"client-certificate": str(owner.certificate), "client-key": str(owner.key)}
        return kubeconfigs.write(self.folder / f"{name}.kubeconfig", self.server, ca=self.ca, user=user)

    def _etcd(self, clients: str, peers: str) -> Service:
        options = {
            "name": "tests",
            "log-level": "warn",
            "data-dir": self.folder / "etcd",
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"tests={peers}",
        }
        # nothing here outlives the machine, so nothing waits for its disk
        command = [program("etcd"), *flags(options), "--unsafe-no-fsync"]
        return Service("etcd", command, self.folder / "etcd.log", lambda: True)

    def _apiserver(self, etcd: str) -> Service:
        serving = self.authority.server("kube-apiserver", _NAMES)
        kubelets = self.authority.client("kube-apiserver-kubelet", "kube-apiserver-kubelet", "system:masters")
        options = {
            "etcd-servers": etcd,
            "bind-address": self._address,
            "advertise-address": ADDRESS,
            "secure-port": self.port,
            "service-cluster-ip-range": SERVICE_ADDRESSES,
            # a loopback address is no endpoint of the service `kubernetes`
            "endpoint-reconciler-type": "none",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "client-ca-file": self.ca,
            "requestheader-client-ca-file": self.ca,
            "requestheader-allowed-names": "front-proxy",
            "requestheader-username-headers": "X-Remote-User",
            "tls-cert-file": serving.certificate,
            "tls-private-key-file": serving.key,
            "cert-dir": self.folder / "pki",
            "kubelet-preferred-address-types": "InternalIP",
            "kubelet-client-certificate": kubelets.certificate,
            "kubelet-client-key": kubelets.key,
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.accounts.certificate,
            "service-account-signing-key-file": self.accounts.key,
            "audit-policy-file": self._audit_policy(),
            "audit-log-path": self.audit,
            "feature-gates": ",".join(f"{name}=true" for name in self._features),
        }
        log = self.folder / "kube-apiserver.log"
        command = [program("kube-apiserver"), *flags(options)]
        return Service("kube-apiserver", command, log, lambda: serves(self.admin, "/readyz"))

    def _audit_policy(self) -> Path:
        rules = [{"level": "Metadata", "users": [_AUDITED]}, {"level": "None"}]
        stages = ["RequestReceived", "ResponseStarted"]
        policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": stages, "rules": rules}
        path = self.folder / "audit-policy.json"
        path.write_text(json.dumps(policy))
        return path


def flags(options: Mapping[str, object]) -> list[str | Path]:
    """Options of a command line."""
    return [f"--{name}={value}" for name, value in options.items()]


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with_ports = [socket.create_server((ADDRESS, 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in with_ports]
    for each in with_ports:
        each.close()
    return ports
