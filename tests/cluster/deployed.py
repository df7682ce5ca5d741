"""What people apply, applied by tests: the files of deploy/, as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from . import objects
from .client import Client, Object
from .programs import program
from .waiting import eventually

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
BASE = DEPLOY / "kustomize/base"
ACCOUNT, NAMESPACE = "plurimus", "kube-system"


def documents(name: str) -> list[Object]:
    """The objects in one file of what the manifests of deploy/ are made from."""
    return _documents(BASE / name)


def manifest(name: str) -> list[Object]:
    """The objects of one manifest."""
    return _documents(DEPLOY / name)


def source(name: str) -> list[Object]:
    """The objects in one file of a kustomization of deploy/."""
    return _documents(DEPLOY / "kustomize" / name)


def rendered(name: str) -> list[Object]:
    """The objects of one kustomization of deploy/."""
    command = [program("kubectl"), "kustomize", str(DEPLOY / "kustomize" / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def definition() -> Object:
    """The custom resource definition."""
    (found,) = documents("crd.yaml")
    return found


def apply(admin: Client) -> None:
    """The kind, the service account and its rights; what is there stays."""
    for thing in (*documents("crd.yaml"), *documents("rbac.yaml")):
        objects.ensure(admin, thing)
    eventually(lambda: admin.get(objects.path(definition())), objects.established)


def token(admin: Client, account: str = ACCOUNT, namespace: str = NAMESPACE, *, bound: Object | None = None) -> str:
    """A token of a service account; kubelet asks for one that is bound to a pod."""
    spec = {"expirationSeconds": 600} | ({} if bound is None else {"boundObjectRef": bound})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    issued: str = admin.post(f"{objects.path(objects.service_account(account, namespace))}/token", request)["status"][
        "token"
    ]
    return issued


def _documents(path: Path) -> list[Object]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]
