"""Installing and uninstalling, file by file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from plurimus.adapters import files
from plurimus.cni.errors import ConfigError, PlurimusError
from plurimus.node import install
from plurimus.node.install import Step

ALL = ("plurimus", "multus", "multus-shim")


class Node:
    """A node's folders; the shim is the real one."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.conf, self.state = folder / "bin", folder / "net.d", folder / "state"
        for made in (self.bin, self.conf, self.state):
            made.mkdir()
        self.shim = install.packaged_shim()

    async def install(self, shim: Path | None = None, *, replace_multus: bool = False) -> list[Step]:
        return await install.install(
            shim or self.shim, bin_dir=self.bin, conf_dir=self.conf, replace_multus=replace_multus
        )

    async def uninstall(self, *, force: bool = False) -> list[Step]:
        return await install.uninstall(bin_dir=self.bin, conf_dir=self.conf, cni_dir=self.state, force=force)

    def configurations(self, contents: Mapping[str, str]) -> None:
        """Files in the CNI folder, by name."""
        for name, content in contents.items():
            (self.conf / name).write_text(content)

    def programs(self) -> list[str]:
        return sorted(entry.name for entry in self.bin.iterdir())

    def files(self) -> dict[str, str]:
        return {entry.name: entry.read_text() for entry in sorted(self.conf.iterdir())}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_the_shim_is_installed_once(node: Node) -> None:
    """F81: with its mode; a second time there is nothing to do."""
    path = node.bin / "plurimus"
    assert await node.install() == [Step(str(path), "installed")]
    assert path.read_bytes() == node.shim.read_bytes()
    assert path.stat().st_mode == node.shim.stat().st_mode
    before = path.stat()
    assert await node.install() == [Step(str(path), "unchanged")]
    assert path.stat() == before
    assert node.programs() == ["plurimus"]


async def test_another_release_takes_the_place_of_a_running_one(node: Node, tmp_path: Path) -> None:
    """F81: by a new file, so that nothing is busy and whoever has begun goes on with the old one."""
    path = node.bin / "plurimus"
    path.write_bytes(node.shim.read_bytes() + b"older")
    path.chmod(0o755)
    with path.open("rb") as running:
        assert await node.install() == [Step(str(path), "installed")]
        assert os.fstat(running.fileno()).st_ino != path.stat().st_ino
        assert running.read().endswith(b"older")
    assert path.read_bytes() == node.shim.read_bytes()


async def test_a_mode_that_was_lost_is_put_right(node: Node) -> None:
    """F81."""
    await node.install()
    (node.bin / "plurimus").chmod(0o600)
    (step,) = await node.install()
    assert step.done == "installed"
    assert os.access(node.bin / "plurimus", os.X_OK)


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"\x7fELF", 0o755, "does not work on this machine"),
        (b"#!/bin/sh\n", 0o644, "does not work on this machine"),
        (b"#!/bin/sh\necho no\n", 0o755, "does not work on this machine"),
        (b"#!/bin/sh\necho '{}'\n", 0o755, "it is no CNI plugin"),
    ],
)
async def test_what_this_machine_cannot_run_is_not_installed(
    node: Node, tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    """F81: one built for another machine, say."""
    shim = tmp_path / "shim"
    shim.write_bytes(content)
    shim.chmod(mode)
    with pytest.raises(ConfigError, match=words):
        await node.install(shim)
    assert node.programs() == []


async def test_a_missing_folder_is_named(node: Node) -> None:
    """F81: it is not made, since no runtime would look there."""
    node.bin.rmdir()
    with pytest.raises(ConfigError, match=f"{node.bin}: no such folder"):
        await node.install()


def test_a_write_that_fails_leaves_the_old_program(tmp_path: Path) -> None:
    """F81: and nothing of the new one."""
    source = tmp_path / "source"
    source.write_bytes(b"new")
    (tmp_path / "target").mkdir()
    with pytest.raises(PlurimusError, match=f"cannot write {tmp_path}/target"):
        files.install(source, tmp_path / "target")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["source", "target"]


async def test_taking_the_place_of_multus_leaves_no_moment_without_a_configuration(node: Node) -> None:
    """S3, F81: its file gets our name, under which it counts until the daemon writes its own."""
    node.configurations({"00-multus.conf": "multus", "10-flannel.conflist": "flannel"})
    for name in ("multus", "multus-shim"):
        (node.bin / name).write_bytes(b"theirs")
    steps = await node.install(replace_multus=True)
    assert [(Path(step.path).name, step.done) for step in steps] == [
        ("plurimus", "installed"),
        ("multus", "installed"),
        ("multus-shim", "installed"),
        ("00-multus.conf", "renamed to 00-plurimus.conf"),
    ]
    assert {(node.bin / name).read_bytes() for name in ALL} == {node.shim.read_bytes()}
    assert node.files() == {"00-plurimus.conf": "multus", "10-flannel.conflist": "flannel"}
    assert {step.done for step in await node.install(replace_multus=True)} == {"unchanged"}


async def test_what_multus_wrote_behind_ours_is_moved_aside(node: Node) -> None:
    """F81: where a runtime does not read it."""
    node.configurations({"00-multus.conf": "a", "00-multus.conflist": "b", "00-plurimus.conflist": "ours"})
    await node.install(replace_multus=True)
    assert node.files() == {
        "00-multus.conf.replaced-by-plurimus": "a",
        "00-multus.conflist.replaced-by-plurimus": "b",
        "00-plurimus.conflist": "ours",
    }


async def test_without_the_word_multus_is_left_alone(node: Node) -> None:
    """F81."""
    node.configurations({"00-multus.conf": "multus"})
    (node.bin / "multus-shim").write_bytes(b"theirs")
    await node.install()
    assert node.files() == {"00-multus.conf": "multus"}
    assert (node.bin / "multus-shim").read_bytes() == b"theirs"


async def test_uninstalling_leaves_the_node_as_it_was(node: Node) -> None:
    """F71: the explicit act that ending a daemon is not; whatever others renamed goes as well."""
    node.configurations({"10-flannel.conflist": "flannel"})
    (node.bin / "bridge").write_bytes(b"")
    before = (node.programs(), node.files())
    await node.install()
    node.configurations(
        {
            "00-plurimus.conflist": "ours",
            "70-mine.conf": '{"name": "a", "type": "plurimus"}',
            "00-plurimus.conflist.cilium_bak": "ours",
        }
    )
    (node.state / "results").mkdir()
    steps = await node.uninstall()
    assert {step.done for step in steps} == {"removed"}
    assert (node.programs(), node.files()) == before
    assert not node.state.exists()
    assert await node.uninstall() == []


async def test_uninstalling_takes_back_the_names_of_multus(node: Node) -> None:
    """F81: unless Multus has its own programs there again; its configuration is its own."""
    node.configurations({"00-multus.conf": "multus"})
    await node.install(replace_multus=True)
    (node.bin / "multus").write_bytes(b"theirs again")
    node.configurations({"00-multus.conf": "theirs again"})
    await node.uninstall()
    assert node.programs() == ["multus"]
    assert node.files() == {"00-multus.conf": "theirs again"}


async def test_the_shim_stays_as_long_as_pods_need_it(node: Node) -> None:
    """S5, F71: a pod on record, a DEL that is owed; the configuration goes at once."""
    await node.install(replace_multus=True)
    node.configurations({"00-plurimus.conflist": "ours"})
    (node.state / "sandbox1").write_text("[]")
    (node.state / ".spool").mkdir()
    (node.state / ".spool/sandbox2-eth0.json").write_text("{}")
    steps = await node.uninstall()
    assert [step.done for step in steps] == ["removed", "kept", "kept", "kept"]
    assert steps[-1].note.startswith("1 pods on record, 1 DELs owed: they are deleted by it; uninstall again")
    assert node.files() == {}
    assert node.programs() == sorted(ALL)
    (node.state / "sandbox1").unlink()
    assert {step.done for step in await node.uninstall()} == {"kept"}
    (node.state / ".spool/sandbox2-eth0.json").unlink()
    assert {step.done for step in await node.uninstall()} == {"removed"}
    assert node.programs() == []


async def test_the_shim_goes_all_the_same_by_force(node: Node) -> None:
    """F71: and the record stays for whoever comes next."""
    await node.install()
    (node.state / "sandbox1").write_text("[]")
    (step,) = await node.uninstall(force=True)
    assert step == Step(str(node.bin / "plurimus"), "removed")
    assert (node.state / "sandbox1").exists()


async def test_what_a_node_without_a_daemon_has_goes_with_the_shim(node: Node) -> None:
    """F71, F79: a token among it; a runtime that keeps configurations still needs it to delete pods."""
    await node.install()
    kept = node.conf / "plurimus.d"
    kept.mkdir()
    for name in ("program", "kubeconfig", ".kept"):
        (kept / name).write_text("")
    (node.state / "sandbox1").write_text("[]")
    (node.state / ".locks").mkdir()
    assert [step.done for step in await node.uninstall()] == ["kept"]
    assert sorted(entry.name for entry in kept.iterdir()) == [".kept", "kubeconfig", "program"]
    (node.state / "sandbox1").unlink()
    assert {step.done for step in await node.uninstall()} == {"removed"}
    assert not kept.exists()
    assert not node.state.exists()
