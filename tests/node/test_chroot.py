"""Plugins below a chroot: found there, run there, with the host's namespaces, as a daemon in a container does it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .daemon import PLUGINS, VERSIONS, Node
from .snapshot import run

INSIDE = ("bridge", "host-local", "macvlan", "ptp", "tuning")
WITNESS = """#!/bin/sh
[ "$CNI_COMMAND" = ADD ] || exit 0
read -r where </where-am-i
printf '{"cniVersion": "1.0.0", "dns": {"domain": "%s"}}' "$where"
"""


@pytest.fixture(scope="module")
def root_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def node_config(root_folder: Path) -> dict[str, Any]:
    return {"chrootDir": str(root_folder)}


@pytest.fixture(scope="module")
def host(root_folder: Path, shared_node: Node) -> Iterator[Node]:
    """The node with a root of its own below `root_folder`: system files, namespaces, plugins, address store."""
    for name in ("bin", "lib", "lib64"):
        (root_folder / name).symlink_to(f"usr/{name}")
    # plugins are linked against the C library; namespaces made later shall be seen inside, so /run is bound, too
    mounts = {path: root_folder / path.relative_to("/") for path in map(Path, ("/usr", "/proc", "/run"))}
    mounts[shared_node.ipam] = root_folder / shared_node.ipam.relative_to("/")
    inside = root_folder / shared_node.bin.relative_to("/")
    for folder in (*mounts.values(), inside):
        folder.mkdir(parents=True)
    for source, target in mounts.items():
        run("mount", "--rbind", str(source), str(target))
    run("mount", "--options", "remount,bind,ro", str(mounts[Path("/usr")]))
    try:
        for name in INSIDE:
            shutil.copy(PLUGINS / name, inside / name)
        (inside / "witness").write_text(WITNESS)
        (inside / "witness").chmod(0o755)
        (root_folder / "where-am-i").write_text("inside\n")
        yield shared_node
    finally:
        for target in reversed(mounts.values()):
            run("mount", "--make-rslave", str(target))  # what is unmounted inside stays outside
            run("umount", "--recursive", "--lazy", str(target))


@pytest.fixture
def node(host: Node) -> Iterator[Node]:
    """That node without any plugin outside."""
    for path in host.bin.iterdir():
        path.unlink()
    yield host
    host.reset()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ["single", "list"])
def test_a_pod_is_attached_checked_and_detached_by_plugins_below_the_chroot(
    node: Node, version: str, form: str
) -> None:
    """F1, F2, F63.  Spec sections 7.4 and 12.4."""
    single = node.macvlan(cniVersion=version)
    plugins = [single, {"type": "tuning", "mtu": 1400}]
    node.network("rail", single if form == "single" else {"cniVersion": version, "plugins": plugins})
    pod = node.sandbox("rail", cluster_network=node.bridge(cniVersion=version), version=version)
    before = node.snapshot()
    assert pod.add()["cniVersion"] == version
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"], "net1": ["10.10.0.2/24"]}
    assert pod.links()["net1"]["mtu"] == (1500 if form == "single" else 1400)
    if version >= "0.4.0":
        pod.check()
        pod.ip("link", "delete", "net1")
        assert "net1" in pod.call("CHECK").refused(999)
    pod.delete()
    node.is_as(before)


def test_a_plugin_sees_the_root_below_the_chroot(node: Node) -> None:
    """F63."""
    node.network("seen", {"cniVersion": "1.0.0", "type": "witness"})
    pod = node.sandbox("seen")
    pod.add()
    assert pod.network_status()[1]["dns"] == {"domain": "inside"}


def test_a_plugin_outside_is_not_found(node: Node) -> None:
    """F63."""
    node.script("outside", "print('{}')")
    node.network("seen", {"cniVersion": "1.0.0", "type": "outside"})
    pod = node.sandbox("seen")
    said = pod.call("ADD").refused(999)
    assert f'failed to find plugin "outside" in path [{node.bin}] below {node.config["chrootDir"]}' in said
    assert pod.links() == {}


def test_a_failure_is_undone_by_plugins_below_the_chroot(node: Node) -> None:
    """F1, F63."""
    node.network("rail", node.macvlan())
    node.network("broken", node.macvlan(master="rail9"))
    pod = node.sandbox("rail,broken")
    before = node.snapshot()
    assert "Link not found" in pod.call("ADD").refused(999)
    node.is_as(before)


def test_gc_and_status_run_below_the_chroot(node: Node) -> None:
    """F4, F5, F63."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    before = node.snapshot()
    pod.add()
    node.call("STATUS", pod.netconf).succeeded()
    node.call("GC", {**pod.netconf, "cni.dev/valid-attachments": []}).succeeded()
    node.is_as(before)
