"""How the API server is reached, and as whom: kubeconfig files and in-cluster."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from plurimus.adapters import kubeconfig
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import ConfigError

CLUSTER = {"server": "https://10.0.0.1:6443/", "certificate-authority": "ca.crt"}


def write(folder: Path, *, cluster: Any = CLUSTER, user: Any = None, **top: Any) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "there", "context": {}}, {"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
        **top,
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_current_context_counts_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Spec section 2.8."""
    user = {"client-certificate": "node.crt", "client-key": "/etc/node.key", "tokenFile": "token"}
    assert kubeconfig.load(write(tmp_path, user=user)) == Access(
        "https://10.0.0.1:6443",
        ca=tmp_path / "ca.crt",
        token_file=tmp_path / "token",
        certificate=tmp_path / "node.crt",
        key=Path("/etc/node.key"),
    )


def test_data_wins_over_files(tmp_path: Path) -> None:
    cluster = {**CLUSTER, "certificate-authority-data": base64.b64encode(b"PEM").decode(), "tls-server-name": "api"}
    access = kubeconfig.load(write(tmp_path, cluster=cluster, user={"token": "secret"}))
    assert (access.ca, access.server_name, access.token) == (b"PEM", "api", "secret")


def test_a_credential_program_beside_the_file_or_in_path(tmp_path: Path) -> None:
    user = {"exec": {"command": "./get-token", "args": ["--now"], "env": [{"name": "A", "value": "1"}],
                     "apiVersion": "client.authentication.k8s.io/v1"}}  # fmt: skip
    program = kubeconfig.load(write(tmp_path, user=user)).exec
    assert program is not None
    assert Path(program.command) == tmp_path / "get-token"
    assert (program.arguments, program.env) == (("--now",), {"A": "1"})
    named = kubeconfig.load(write(tmp_path, user={"exec": {"command": "aws"}})).exec
    assert named is not None
    assert named.command == "aws"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"current-context": "gone"}, "it has no context 'gone'", id="no-context"),
        pytest.param({"clusters": []}, "it has no cluster 'c'", id="no-cluster"),
        pytest.param({"users": None}, "it has no user 'u'", id="no-user"),
        pytest.param({"cluster": {"server": "10.0.0.1"}}, "server is '10.0.0.1', expected an https URL", id="server"),
        pytest.param({"cluster": {**CLUSTER, "certificate-authority-data": "#"}}, "base64", id="not-base64"),
        pytest.param({"contexts": "x"}, "Expected `array | null`, got `str` - at `$.contexts`", id="wrong-type"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_path(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(ConfigError) as raised:
        kubeconfig.load(path)
    assert str(raised.value).startswith(f"kubeconfig {path}: ")
    assert words in str(raised.value)


def test_no_yaml_and_no_file_are_errors_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        kubeconfig.load(tmp_path / "none")
    (tmp_path / "broken").write_text("{")
    with pytest.raises(ConfigError, match="broken"):
        kubeconfig.load(tmp_path / "broken")


def test_in_cluster_where_kubelet_says_so_else_nothing(tmp_path: Path) -> None:
    """Spec section 2.8, F59."""
    env = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = kubeconfig.in_cluster(env, tmp_path)
    assert access == Access("https://[fd00::1]:443", ca=tmp_path / "ca.crt", token_file=tmp_path / "token")
    assert kubeconfig.find("", {}) is None


def test_json_is_read_as_yaml_is(tmp_path: Path) -> None:
    """A process that lives for one call reads it so, without a parser of YAML."""
    path = write(tmp_path, user={"token": "secret"})
    read = kubeconfig.load(path)
    path.write_text(json.dumps(yaml.safe_load(path.read_text())))
    assert kubeconfig.load(path) == read
    path.write_text('{"clusters": [{"name": 5}]}')
    with pytest.raises(ConfigError, match=f"kubeconfig {path}: .*clusters"):
        kubeconfig.load(path)


def test_a_standalone_kubeconfig_has_inside_what_it_would_refer_to(tmp_path: Path) -> None:
    """F79: the same access, for who does not see the files."""
    (tmp_path / "ca.crt").write_bytes(b"authority\n")
    (tmp_path / "token").write_bytes(b"secret\n")
    access = Access("https://[fd00::1]:443", ca=tmp_path / "ca.crt", token_file=tmp_path / "token", server_name="api")
    path = tmp_path / "standalone"
    path.write_bytes(kubeconfig.standalone(access))
    assert kubeconfig.load(path) == Access(
        "https://[fd00::1]:443", ca=b"authority\n", token="secret", server_name="api"
    )
    assert yaml.safe_load(path.read_text())["kind"] == "Config"
    path.write_bytes(kubeconfig.standalone(Access("https://a", insecure=True, token="given")))
    assert kubeconfig.load(path) == Access("https://a", insecure=True, token="given")


@pytest.mark.parametrize("content", [None, b"", b"\n"])
@pytest.mark.parametrize("file", ["ca.crt", "token"])
def test_a_standalone_kubeconfig_without_an_identity_is_none(tmp_path: Path, file: str, content: bytes | None) -> None:
    """F80: a file being replaced is not a reason to lock the node out."""
    for name in ("ca.crt", "token"):
        (tmp_path / name).write_bytes(b"x")
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigError, match=f"{tmp_path}/{file}: "):
        kubeconfig.standalone(Access("https://a", ca=tmp_path / "ca.crt", token_file=tmp_path / "token"))
