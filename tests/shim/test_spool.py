"""A DEL without a daemon: what is written, where, and when the runtime is told otherwise."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters.spool import SpoolFiles
from plurimus.node import message

from .fake import FakeDaemon
from .runtime import ENV, PATIENCE, ROOT, Node, run


def test_a_del_is_spooled_as_the_request_it_would_have_been(node: Node) -> None:
    """S5: the same bytes a daemon gets, under the names of container and interface."""
    node.patience = PATIENCE / 2
    assert node.call("DEL").printed() == b""
    spooled = node.spooled()
    with FakeDaemon(node.sockets) as daemon:
        node.call("DEL").printed()
        assert spooled == {"sandbox1-eth0.json": daemon.cni.body}


def test_a_spooled_del_is_what_the_daemon_reads(node: Node) -> None:
    """S5."""
    conf = node.conf(filler="<&>\x7f ü")
    node.call("DEL", conf, CNI_IFNAME="net1")
    spool = SpoolFiles(node.spool)
    ((name, content),) = spool.pending()
    request, _ = message.decode(content)
    assert name == "sandbox1-net1.json"
    assert request.env == {"CNI_COMMAND": "DEL", **ENV, "CNI_IFNAME": "net1"}
    assert json.loads(request.stdin) == conf
    assert spool.has("sandbox1", "net1")


def test_the_spool_is_for_root_alone(node: Node) -> None:
    """S5, S46: a configuration may hold secrets.  The mode does not depend on the caller's umask."""
    run(json.dumps(node.conf()).encode(), {"CNI_COMMAND": "DEL", **ENV}, umask=0).printed()
    (path,) = node.spool.iterdir()
    assert path.stat().st_mode & 0o7777 == 0o600
    assert [folder.stat().st_mode & 0o7777 for folder in (node.spool, node.spool.parent)] == [0o700, 0o700]


def test_a_del_spooled_again_replaces_the_first(node: Node) -> None:
    """S5: the runtime may know more by then, or less."""
    node.call("DEL", node.conf(filler="x" * 9999))
    node.call("DEL", CNI_NETNS="")
    (content,) = node.spooled().values()
    assert json.loads(content)["env"]["CNI_NETNS"] == ""


def test_each_container_and_interface_has_its_own_file(node: Node) -> None:
    """S5."""
    for container, ifname in (("a", "eth0"), ("a", "net1"), ("b", "eth0")):
        node.call("DEL", CNI_CONTAINERID=container, CNI_IFNAME=ifname).printed()
    assert set(node.spooled()) == {"a-eth0.json", "a-net1.json", "b-eth0.json"}


@pytest.mark.parametrize("ifname", [None, ""], ids=["missing", "empty"])
def test_the_interface_is_eth0_unless_the_runtime_names_one(node: Node, ifname: str | None) -> None:
    """Spec section 6.1: as the daemon takes it."""
    env = {key: value for key, value in ENV.items() if key != "CNI_IFNAME"}
    if ifname is not None:
        env["CNI_IFNAME"] = ifname
    run(json.dumps(node.conf()).encode(), {"CNI_COMMAND": "DEL", **env}).printed()
    assert set(node.spooled()) == {"sandbox1-eth0.json"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *[("CNI_CONTAINERID", value) for value in
          ("", "../x", "..", ".", "/etc/x", "a/../../x", "a/b", "-a", ".a", "a b", "a\n", "ü", "x" * 250)],
        *[("CNI_IFNAME", value) for value in
          ("../x", "..", ".", "/etc/x", "a/b", "a:b", "a b", "a\tb", "x" * 16, "\u00a0", "ü", "\x7f", "\x1c")],
    ],
)  # fmt: skip
def test_names_that_are_no_names_are_refused(node: Node, variable: str, value: str) -> None:
    """S5: nothing is ever written outside of the spool, nor anything the daemon would refuse to read."""
    before = sorted(node.folder.rglob("*"))
    assert variable in node.call("DEL", **{variable: value}).refused(4)
    assert sorted(node.folder.rglob("*")) == before


def test_a_missing_container_is_refused(node: Node) -> None:
    env = {key: value for key, value in ENV.items() if key != "CNI_CONTAINERID"}
    run(json.dumps(node.conf()).encode(), {"CNI_COMMAND": "DEL", **env}).refused(4)
    assert node.spooled() == {}


def test_the_longest_names_are_spooled(node: Node) -> None:
    node.call("DEL", CNI_CONTAINERID="x" * 185, CNI_IFNAME="i" * 15).printed()
    assert set(node.spooled()) == {f"{'x' * 185}-{'i' * 15}.json"}


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        pytest.param(b"", b"}", id="one-bracket-more"),
        pytest.param(b"", b"{}", id="two-objects"),
        pytest.param(b"", b"x", id="text-behind"),
        pytest.param(b"", b', "a": {"b": 1}', id="cut-off-behind"),
        pytest.param(b'{"a": ', b"", id="one-bracket-less"),
    ],
)
def test_standard_input_that_is_no_object_is_not_spooled(node: Node, before: bytes, behind: bytes) -> None:
    """S5: nobody could ever carry that out, so success would be a lie."""
    node.patience = 0.0
    assert "no JSON object" in node.call("DEL", before + json.dumps(node.conf()).encode() + behind).refused(6)
    assert node.spooled() == {}


@pytest.fixture
def default_spool(root: None) -> Iterator[Path]:
    """See conftest.py: not the machine's."""
    folder = Path("/var/lib/cni/multus/.spool")
    assert not folder.exists()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("stdin", [b"", b"null", b"[]", b'"{}"'])
def test_nothing_at_all_on_standard_input_is_not_spooled(default_spool: Path, node: Node, stdin: bytes) -> None:
    """S5."""
    assert "no JSON object" in node.call("DEL", stdin).refused(6)
    assert not default_spool.exists()


@pytest.mark.parametrize("keys", ["", ', "cniDir": null', ', "cniDir": ""'], ids=["missing", "null", "empty"])
def test_the_spool_is_multus_own_folder_unless_the_configuration_names_one(
    default_spool: Path, node: Node, keys: str
) -> None:
    """S5; spec section 2.1: `cniDir`."""
    node.call("DEL", f'{{"name": "node"{keys}}}'.encode()).printed()
    assert [path.name for path in default_spool.iterdir()] == ["sandbox1-eth0.json"]


def test_the_spool_is_below_the_cni_dir_whatever_its_spelling(node: Node) -> None:
    """S5."""
    folder = node.folder / "a/b//c/"
    node.call("DEL", node.conf(cniDir=None, CNIDIR=f"{folder}/")).printed()
    assert [path.name for path in (folder / ".spool").iterdir()] == ["sandbox1-eth0.json"]


def test_a_spool_that_cannot_be_made_fails_the_del(node: Node) -> None:
    """S5: a DEL is answered with success when it is on the disk, else the runtime must call again."""
    (node.folder / "state").write_bytes(b"")
    message = node.call("DEL").refused(5)
    assert f"cannot create {node.folder}/state/.spool" in message
    assert "Not a directory" in message


def test_a_spool_that_is_no_folder_fails_the_del(node: Node) -> None:
    """S5."""
    node.spool.parent.mkdir()
    node.spool.write_bytes(b"")
    assert f"cannot be spooled to {node.spool}/sandbox1-eth0.json: Not a directory" in node.call("DEL").refused(5)


@pytest.fixture
def small_disk(root: None, node: Node) -> Iterator[Node]:
    """The node's state on a file system of 64 KiB."""
    node.spool.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", node.spool], check=True)
    yield node
    subprocess.run(["umount", node.spool], check=True)


def test_a_full_disk_fails_the_del_and_nothing_is_left(small_disk: Node) -> None:
    """S5: what was spooled before stays whole."""
    small_disk.call("DEL").printed()
    before = small_disk.spooled()
    message = small_disk.call("DEL", small_disk.conf(filler="x" * 2**17)).refused(5)
    assert "No space left on device" in message
    assert small_disk.spooled() == before


def test_a_read_only_disk_fails_the_del(small_disk: Node) -> None:
    """S5."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk.spool], check=True)
    assert "Read-only file system" in small_disk.call("DEL").refused(5)


def test_a_link_in_the_spool_is_replaced_not_followed(node: Node) -> None:
    """S5."""
    node.spool.mkdir(parents=True)
    target = node.folder / "target"
    target.write_bytes(b"mine")
    (node.spool / "sandbox1-eth0.json").symlink_to(target)
    node.call("DEL").printed()
    assert target.read_bytes() == b"mine"
    assert not (node.spool / "sandbox1-eth0.json").is_symlink()


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, built so that it tells on stderr when it syncs, renames and ends; see `telling.c`."""
    made = tmp_path_factory.mktemp("telling") / "shim"
    wrapped = [f"-Wl,--wrap={name}" for name in ("fsync", "rename", "_exit")]
    sources = [*sorted((ROOT / "shim").glob("*.c")), ROOT / "tests/shim/telling.c"]
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", *wrapped, "-o", made, *sources], check=True)
    return made


def test_the_del_is_on_the_disk_before_the_runtime_hears_of_it(node: Node, telling: Path) -> None:
    """S5: the content, then the name."""
    ended = run(json.dumps(node.conf()).encode(), {"CNI_COMMAND": "DEL", **ENV}, shim=telling)
    assert ended.stderr.decode().splitlines() == [
        "fsync file", "rename sandbox1-eth0.json", "fsync folder", "_exit 0"
    ]  # fmt: skip


@pytest.mark.parametrize("failing", ["file", "folder"])
def test_a_disk_that_cannot_sync_fails_the_del(node: Node, telling: Path, failing: str) -> None:
    """S5."""
    ended = run(json.dumps(node.conf()).encode(), {"CNI_COMMAND": "DEL", "FAIL": failing, **ENV}, shim=telling)
    assert json.loads(ended.stdout)["code"] == 5
    assert ended.stderr.decode().splitlines()[-1] == "_exit 1"
    assert set(node.spooled()) == (set() if failing == "file" else {"sandbox1-eth0.json"})
