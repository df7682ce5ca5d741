"""How to reach an API server and as whom: a kubeconfig file, or what a pod finds in its container.

Only read here; `adapters.credentials` turns it into TLS and headers.  Relative paths count from the
kubeconfig's folder.

Kubernetes: "Organizing Cluster Access Using kubeconfig Files"; spec section 2.8.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from plurimus.adapters import yamltexts
from plurimus.cni.errors import ConfigError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that prints an ExecCredential."""

    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """One server and one identity.  `ca`, `certificate` and `key` are a path or PEM text; None where there is none.

    `refused` is called whenever the server does not know the identity (any more).
    """

    server: str
    ca: Path | bytes | None = None
    insecure: bool = False
    server_name: str = ""
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    certificate: Path | bytes | None = field(default=None, repr=False)
    key: Path | bytes | None = field(default=None, repr=False)
    exec: ExecPlugin | None = None
    refused: Callable[[], None] = lambda: None


def find(path: str, env: Mapping[str, str] = os.environ) -> Access | None:
    """The access of the kubeconfig at `path`, or in-cluster without one; None where there is neither.

    Raises:
        ConfigError: the file cannot be read, or lacks something.
    """
    return load(Path(path)) if path else in_cluster(env)


def in_cluster(env: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Access | None:
    """What kubelet gives a container: the service account's token, and the API server by environment variables."""
    host, port = env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    host = f"[{host}]" if ":" in host else host
    return Access(f"https://{host}:{port}", ca=folder / "ca.crt", token_file=folder / "token")


def standalone(access: Access) -> bytes:
    """A kubeconfig, as JSON, that has inside what `access` refers to: for those who do not see its files.

    Raises:
        ConfigError: one of them cannot be read or is empty.
    """
    cluster: dict[str, Any] = {"server": access.server}
    user: dict[str, Any] = {}
    if access.ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(_content(access.ca)).decode()
    if access.insecure:
        cluster["insecure-skip-tls-verify"] = True
    if access.server_name:
        cluster["tls-server-name"] = access.server_name
    if held := token(access):
        user["token"] = held
    name = "plurimus"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def token(access: Access) -> str:
    """The bearer token as it is now; empty where there is none.

    Raises:
        ConfigError: its file cannot be read or is empty.
    """
    return _content(access.token_file).decode(errors="replace").strip() if access.token_file else access.token


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from error
    if not content.strip():
        raise ConfigError(f"{source}: the file is empty")
    return content


class _Variable(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


class _Exec(msgspec.Struct, frozen=True, rename="camel"):
    command: str
    args: list[str] | None = None
    env: list[_Variable] | None = None
    api_version: str = ""


class _Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    server: str
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""


class _User(msgspec.Struct, frozen=True, rename="kebab"):
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec: _Exec | None = None


class _Context(msgspec.Struct, frozen=True):
    cluster: str = ""
    user: str = ""


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct, frozen=True):
    name: str
    user: _User | None = None


class _NamedContext(msgspec.Struct, frozen=True):
    name: str
    context: _Context = _Context()


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str = ""
    contexts: list[_NamedContext] | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None


Named = TypeVar("Named", _NamedContext, _NamedCluster, _NamedUser)


def load(path: Path) -> Access:
    """The current context of the kubeconfig at `path`.

    Raises:
        ConfigError: the message starts with the path, and says which key is wrong.
    """
    try:
        file = _decoded(path.read_bytes())
        context = _named("context", file.contexts, file.current_context).context
        cluster = _named("cluster", file.clusters, context.cluster).cluster
        user = _named("user", file.users, context.user).user if context.user else None
        return _access(cluster, user or _User(), path.parent)
    except OSError as error:
        raise ConfigError(f"kubeconfig {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"kubeconfig {path}: {' '.join(str(error).split())}") from error


def _decoded(content: bytes) -> _File:
    """The file as YAML, or as JSON, which is YAML and read without the parser of YAML, itself slow to import."""
    try:
        return msgspec.json.decode(content, type=_File)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        pass
    found = yamltexts.documents(content)
    if len(found) > 1:
        raise ValueError("it has several documents, expected one")
    return msgspec.convert(found[0] if found else None, _File)


def _named(what: str, entries: Sequence[Named] | None, name: str) -> Named:
    for entry in entries or ():
        if entry.name == name:
            return entry
    raise ValueError(f"it has no {what} {name!r}")


def _access(cluster: _Cluster, user: _User, folder: Path) -> Access:
    if "@" in cluster.server:
        raise ValueError(
            "the cluster's server has a user in its URL, who is not asked as: put that into the user's entry"
        )
    if not cluster.server.startswith(("https://", "http://")):
        raise ValueError(f"the cluster's server is {cluster.server!r}, expected an https URL")
    return Access(
        server=cluster.server.rstrip("/"),
        ca=_pem(cluster.certificate_authority, cluster.certificate_authority_data, folder),
        insecure=cluster.insecure_skip_tls_verify,
        server_name=cluster.tls_server_name,
        token=user.token,
        token_file=folder / user.token_file if user.token_file else None,
        certificate=_pem(user.client_certificate, user.client_certificate_data, folder),
        key=_pem(user.client_key, user.client_key_data, folder),
        exec=None if user.exec is None else _exec(user.exec, folder),
    )


def _pem(path: str, data: str, folder: Path) -> Path | bytes | None:
    """The data wins over the file, as in kubectl."""
    if data:
        return base64.b64decode(data, validate=True)
    return folder / path if path else None


def _exec(program: _Exec, folder: Path) -> ExecPlugin:
    # a bare name is looked up in PATH, as in kubectl
    command = str(folder / program.command) if "/" in program.command else program.command
    env = {variable.name: variable.value for variable in program.env or ()}
    return ExecPlugin(command, tuple(program.args or ()), env, program.api_version)
