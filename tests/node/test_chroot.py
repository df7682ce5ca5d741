"""Plugins below a chroot: found there, run there, with the host's namespaces, as a daemon in a container does it."""

from __future__ import annotations

import json
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


TELLING = """#!/bin/sh
conf=$(cat)
file=$(printf %s "$conf" | sed -n 's/.*"CNIDeviceInfoFile": *"\\([^"]*\\)".*/\\1/p')
[ "$CNI_COMMAND" = ADD ] || exit 0
sed 's/"pci-address"/"rdma-device":"mlx5_3",&/' <"$file" >"$file.new" && mv "$file.new" "$file"
printf '{"cniVersion": "1.0.0", "interfaces": [{"name": "%s", "sandbox": "%s"}]}' "$CNI_IFNAME" "$CNI_NETNS"
"""
"""A plugin that adds to the information on its device."""
VF, RESOURCE_NAME = "example.com/vf", "k8s.v1.cni.cncf.io/resourceName"
DEVICES = {"loader": {VF: ["0000:18:02.4"]}, "trainer": {VF: ["0000:18:02.5", "0000:18:02.6"]}}


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


def offered(root_folder: Path) -> Path:
    """The folder of device information, in which a device plugin told of its devices; the host's /var/run is a link."""
    folder = root_folder / "elsewhere/k8s.cni.cncf.io/devinfo"
    (root_folder / "var").mkdir(exist_ok=True)
    if not (root_folder / "var/run").is_symlink():
        (root_folder / "var/run").symlink_to("/elsewhere")
    (folder / "dp").mkdir(parents=True, exist_ok=True)
    for device in ("0000:18:02.4", "0000:18:02.5", "0000:18:02.6"):
        info = {"version": "1.1.0", "pci": {"pci-address": device}, "type": "pci"}
        (folder / f"dp/example.com-vf-{device}-device.json").write_text(json.dumps(info))
    return folder


def device_info(device: str) -> dict[str, Any]:
    """What the status shows after a plugin has added to it."""
    return {"type": "pci", "version": "1.1.0", "pci": {"pci-address": device, "rdma-device": "mlx5_3"}}


def test_device_information_passes_from_the_device_plugin_by_the_plugin_into_the_status(
    node: Node, root_folder: Path
) -> None:
    """F42, F48, F50, F63, S7, S8: below the root of the host, whose links lead there; each interface has its own."""
    folder = offered(root_folder)
    inside = root_folder / node.bin.relative_to("/")
    (inside / "telling").write_text(TELLING)
    (inside / "telling").chmod(0o755)
    config = {"cniVersion": "1.0.0", "type": "telling", "capabilities": {"CNIDeviceInfoFile": True}}
    node.network("rail", config, **{RESOURCE_NAME: VF})
    named = [{"name": "rail"}, {"name": "rail", "container": "trainer"}, {"name": "rail", "deviceID": "0000:18:02.5"}]
    pod = node.sandbox(named, devices=DEVICES)
    before = node.snapshot()
    pod.add()
    shown = [element.get("device-info") for element in pod.network_status()]
    assert shown == [None, *(device_info(f"0000:18:02.{number}") for number in (4, 6, 5))]
    files = sorted(path.name for path in (folder / "cni").iterdir())
    assert files == [f"default-rail-{pod.id}_net{number}" for number in (1, 2, 3)]
    pod.delete()
    assert list((folder / "cni").iterdir()) == []
    assert len(list((folder / "dp").iterdir())) == 3
    node.is_as(before)


def test_a_failed_add_leaves_no_device_information(node: Node, root_folder: Path) -> None:
    """F1, F42, F63."""
    folder = offered(root_folder)
    node.network("rail", node.macvlan(), **{RESOURCE_NAME: VF})
    node.network("broken", node.macvlan(master="rail9"), **{RESOURCE_NAME: VF})
    pod = node.sandbox("rail,broken", devices=DEVICES)
    before = node.snapshot()
    assert "Link not found" in pod.call("ADD").refused(999)
    assert list((folder / "cni").iterdir()) == []
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
