"""The files of a node that whereabouts reads (case 50)."""

from __future__ import annotations

import os
from collections.abc import Callable
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


Read = Callable[[Path, str], object]
READERS = [whereaboutsfiles.flat, whereaboutsfiles.namespace, lambda root, path: whereaboutsfiles.node_name(root, path)]


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_is_not_read(tmp_path: Path, read: Read) -> None:
    """Whoever opens a FIFO waits, a device has no end, and `nodename` is one file of a folder."""
    for name in ("fifo", "folder-fifo/nodename"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / name)
    (tmp_path / "folder-fifo/device").symlink_to("/dev/zero")
    own = "/folder-fifo" if read is READERS[2] else "/fifo"
    with pytest.raises(ConfigError, match=r"/(fifo|nodename): not a regular file$"):
        read(tmp_path, own)
    with pytest.raises(ConfigError, match=r"/zero: not a regular file$"):
        whereaboutsfiles.namespace(Path("/"), "/dev/zero")


def test_a_file_of_more_than_64_kib_is_not_read(tmp_path: Path) -> None:
    content = b'{"log_file": "' + b"x" * 65536
    write(tmp_path, "/own.conf", (content[:65534] + b'"}').decode())
    assert whereaboutsfiles.flat(tmp_path, "/own.conf") is not None
    write(tmp_path, "/own.conf", (content[:65535] + b'"}').decode())
    for read in (whereaboutsfiles.flat, whereaboutsfiles.namespace):
        with pytest.raises(ConfigError, match=r"/own\.conf: larger than 65536 bytes$"):
            read(tmp_path, "/own.conf")


@pytest.mark.parametrize("path", ["/../own.conf", "/a/../../own.conf", "/absolute", "/up"])
def test_no_path_leads_out_of_the_nodes_root(tmp_path: Path, path: str) -> None:
    """As a process sees it that has that root."""
    root = tmp_path / "host"
    write(tmp_path, "/own.conf", '{"gateway": "outside"}')
    write(root, "/own.conf", '{"gateway": "inside"}')
    (root / "a").mkdir()
    (root / "absolute").symlink_to("/own.conf")
    (root / "up").symlink_to("../../own.conf")
    assert whereaboutsfiles.flat(root, path) == (path, {"gateway": "inside"})


@pytest.mark.parametrize(
    "text",
    [
        "user: hush: hush",
        "a: *hush",
        "a: !hush 1",
        "'hush",
        "[hush",
        '{"hush": "hush" hush',
        "hush\0",
        "!!int hush",
        "[" * 30000,
    ],
)
def test_an_error_says_nothing_of_what_is_in_a_file(tmp_path: Path, text: str) -> None:
    """Errors become events of pods, and the file may be any of root's."""
    write(tmp_path, "/secret", f"\n{text}\n")
    for read in (whereaboutsfiles.flat, whereaboutsfiles.namespace):
        with pytest.raises(ConfigError, match=r"/secret: ") as raised:
            read(tmp_path, "/secret")
        assert "hush" not in raised.value.msg
        assert "\n" not in raised.value.msg


def test_where_a_file_is_wrong_is_told(tmp_path: Path) -> None:
    write(tmp_path, "/wrong", '{"a": 1,\n\n"b": c}')
    with pytest.raises(ConfigError, match=r"^/wrong: no JSON: line 3$"):
        whereaboutsfiles.flat(tmp_path, "/wrong")
    write(tmp_path, "/wrong", "a: b\nc: d: e\n")
    with pytest.raises(ConfigError, match=r"^kubeconfig /wrong: no YAML: line 2$"):
        whereaboutsfiles.namespace(tmp_path, "/wrong")


def test_a_namespace_that_is_none_is_no_namespace(tmp_path: Path) -> None:
    write(tmp_path, "/wrong", "current-context: a\ncontexts: [{name: a, context: {namespace: ../hush}}]")
    with pytest.raises(ConfigError, match=r"^kubeconfig /wrong: the namespace of its current context is none$"):
        whereaboutsfiles.namespace(tmp_path, "/wrong")


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
