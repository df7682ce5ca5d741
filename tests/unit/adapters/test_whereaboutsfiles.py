"""The files of a node that whereabouts reads (case 50)."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters import whereaboutsfiles
from plurimus.cni.errors import ConfigError

USUAL = [f"{folder}/whereabouts.d/whereabouts.conf" for folder in whereaboutsfiles.FOLDERS]


def write(root: Path, path: str, text: str) -> str:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return path


def test_the_first_file_that_is_there_counts(tmp_path: Path) -> None:
    assert whereaboutsfiles.flat(tmp_path, "/own.conf") is None
    for path in (*reversed(USUAL), "/own.conf"):
        write(tmp_path, path, f'{{"log_file": "{path}"}}')
        assert whereaboutsfiles.flat(tmp_path, "/own.conf") == (path, {"log_file": path})
    assert whereaboutsfiles.flat(tmp_path) == (USUAL[0], {"log_file": USUAL[0]})


def test_the_folder_of_the_nodes_name_is_no_file(tmp_path: Path) -> None:
    """`configuration_path` is both."""
    write(tmp_path, "/conf.d/nodename", "node-1")
    assert whereaboutsfiles.flat(tmp_path, "/conf.d") is None
    write(tmp_path, USUAL[1], "{}")
    assert whereaboutsfiles.flat(tmp_path, "/conf.d") == (USUAL[1], {})


@pytest.mark.parametrize("text", ["{", "", "\udcff"])
def test_a_file_that_is_no_json_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.conf").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=r"^/own\.conf: ") as raised:
        whereaboutsfiles.flat(tmp_path, "/own.conf")
    assert raised.value.code == 6


def test_a_folder_in_a_files_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / USUAL[0].lstrip("/")).mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"whereabouts\.conf: Is a directory"):
        whereaboutsfiles.flat(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("current-context: b\ncontexts: [{name: a, context: {namespace: x}}, {name: b, context: {namespace: y}}]", "y"),
        ('{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c"}}]}', "kube-system"),
        ('{"current-context": "a", "contexts": null}', "kube-system"),
        ("{}", "kube-system"),
    ],
)
def test_the_namespace_is_that_of_the_kubeconfigs_current_context(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path, "/kube.conf", text)
    assert whereaboutsfiles.namespace(tmp_path, "/kube.conf") == expected


def test_without_a_kubeconfig_it_is_the_usual_one(tmp_path: Path) -> None:
    """Ours needs no kubeconfig; a node that has none yet uses the pools of the others."""
    assert whereaboutsfiles.namespace(tmp_path, "") == "kube-system"
    assert whereaboutsfiles.namespace(tmp_path, "/gone.conf") == "kube-system"


@pytest.mark.parametrize("text", ["contexts: 5", "{", "a: b: c", '{"contexts": 5}', "[]"])
def test_a_bad_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path, "/kube.conf", text)
    with pytest.raises(ConfigError, match=r"^kubeconfig /kube\.conf: "):
        whereaboutsfiles.namespace(tmp_path, "/kube.conf")


def test_a_nodes_name_is_in_the_folder_or_the_hosts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this node's name is not known"):
        whereaboutsfiles.node_name(tmp_path, "/conf.d")
    write(tmp_path, "/etc/hostname", "host-1\n")
    assert whereaboutsfiles.node_name(tmp_path, "/conf.d") == "host-1"
    write(tmp_path, "/conf.d/nodename", "\n")
    assert whereaboutsfiles.node_name(tmp_path, "/conf.d") == "host-1"
    write(tmp_path, "/conf.d/nodename", " node-1\n")
    assert whereaboutsfiles.node_name(tmp_path, "/conf.d") == "node-1"
    assert whereaboutsfiles.node_name(tmp_path) == "host-1"
