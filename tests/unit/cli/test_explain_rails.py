"""`plurimus explain`: where the devices of a pod are on this node."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from plurimus.adapters.manifests import DEVICES
from plurimus.cli.main import root
from plurimus.cni import conf
from plurimus.cni.cache import CachedAttachment
from plurimus.core import record
from plurimus.core.plan import Attachment, Plan, PodReference
from plurimus.model.definition import RESOURCE_NAME
from plurimus.model.pod import NETWORKS
from tests.unit.adapters.hardware import Hardware


def node(folder: Path, networks: str, devices: dict[str, list[str]], **config: Any) -> str:
    """Two cards with two functions each, a pod default/a with `networks` rail0 and rail1; the daemon's file."""
    hardware = Hardware(folder / "node")
    for number, bus in enumerate(("18", "3b")):
        functions = [f"0000:{bus}:00.{each}" for each in (2, 3)]
        hardware.physical(
            f"0000:{bus}:00.0", *functions, interface=f"ens{number}", numa_node=number, rdma=(f"mlx5_{number}",)
        )

    def manifest(kind: str, name: str, spec: object = None, **annotations: str) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": spec}

    documents = [manifest("Pod", "a", **{NETWORKS: networks, DEVICES: json.dumps(devices)})]
    for number in range(2):
        ipam = {"type": "host-local", "subnet": f"10.{number}.0.0/16"}
        spec = {"config": json.dumps({"cniVersion": "1.0.0", "type": "sriov", "ipam": ipam})}
        resource = {RESOURCE_NAME: f"example.com/rail{number}"}
        documents.append(manifest("NetworkAttachmentDefinition", f"rail{number}", spec, **resource))
    (folder / "manifests").mkdir()
    (folder / "manifests/all.yaml").write_text(yaml.safe_dump_all(documents))
    (folder / "10-pods.conf").write_text(json.dumps({"cniVersion": "1.1.0", "name": "pods", "type": "bridge"}))
    path = folder / "daemon.json"
    keys = {"manifests": f"{folder}/manifests", "clusterNetwork": f"{folder}/10-pods.conf", "cniDir": f"{folder}/cni"}
    path.write_text(json.dumps({**keys, "chrootDir": f"{folder}/node", **config}))
    return str(path)


def explain(*argv: str) -> str:
    done = CliRunner().invoke(root, ["explain", "a", *argv], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


ONE_EACH = {"example.com/rail0": ["0000:18:00.2"], "example.com/rail1": ["0000:3b:00.3"]}


def test_a_second_table_says_where_each_device_is(tmp_path: Path) -> None:
    lines = explain("--config", node(tmp_path, "rail0,rail1", ONE_EACH)).splitlines()
    start = lines.index("rails, as the pod would have them") + 2
    assert lines[start].split("  ")[0] == "DEVICE"
    assert [line.split() for line in lines[start + 1 : start + 3]] == [
        ["0000:18:00.2", "ens0", "0000:18:00.0", "0", "mlx5_0", "rail0", "net1", "-"],
        ["0000:3b:00.3", "ens1", "0000:3b:00.0", "1", "-", "rail1", "net2", "-"],
    ]
    assert "warning:" not in "\n".join(lines)


def test_programs_get_it_too_with_what_is_odd(tmp_path: Path) -> None:
    config = node(tmp_path, "rail1,rail0", ONE_EACH, rails={"ens0": "first", "0000:3B:00.0": "second"})
    document = json.loads(explain("--output", "json", "--config", config))
    assert document["rails"][0] == {
        "device": "0000:3b:00.3",
        "physical function": "ens1 0000:3b:00.0",
        "numa": 1,
        "rdma": [],
        "rail": "second",
        "interface": "net1",
        "address": [],
    }
    (warning,) = document["warnings"]
    assert warning.startswith("net1 is on second and net2 on first: interfaces are not in the order of the rails;")
    assert f"\nwarning: {warning}\n" in explain("--config", config)


def test_a_pod_without_devices_has_no_such_table(tmp_path: Path) -> None:
    assert "rails" not in explain("--config", node(tmp_path, "", {}))


def test_of_a_pod_that_runs_it_says_what_it_has(tmp_path: Path) -> None:
    """A record of another pod with the name, and one whose namespace is gone, are not this pod's."""
    config = node(tmp_path, "rail0", {"example.com/rail0": ["0000:18:00.3"]})
    network = conf.parse({"cniVersion": "1.0.0", "name": "rail0", "type": "sriov"})
    attachment = Attachment(
        "fabric0", network, "default/rail0", device_id="0000:18:00.2", resource_name="example.com/rail0"
    )
    there = f"/proc/{os.getpid()}/ns/net"
    for container, netns, pod in (
        ("c1", there, PodReference("default", "a")),
        ("c2", there, PodReference("default", "b")),
        ("c3", f"{tmp_path}/gone", PodReference("default", "a")),
        ("c4", "", PodReference("default", "a")),
    ):
        plan = Plan(container, netns, pod, (attachment,))
        (tmp_path / "cni/results").mkdir(parents=True, exist_ok=True)
        (tmp_path / "cni" / container).write_bytes(record.encode(plan))
    result = {"cniVersion": "1.0.0", "interfaces": [{"name": "fabric0", "sandbox": there}],
              "ips": [{"address": "10.0.0.9/16", "interface": 0}]}  # fmt: skip
    entry = CachedAttachment("rail0", "c1", "fabric0", b"{}", result=result)
    (tmp_path / "cni/results" / entry.file_name).write_bytes(entry.encode())
    lines = explain("--config", config).splitlines()
    start = lines.index("rails, as the pod has them") + 3
    where = ["0000:18:00.2", "ens0", "0000:18:00.0", "0", "mlx5_0", "rail0"]
    assert lines[start].split() == [*where, "fabric0", "10.0.0.9/16"]


def test_the_configuration_names_rails(tmp_path: Path) -> None:
    config = node(tmp_path, "rail0", {"example.com/rail0": ["0000:18:00.3"]}, rails={"ens0": ""})
    done = CliRunner().invoke(root, ["explain", "a", "--config", config])
    assert "'rails' is {'ens0': ''}, expected names of rails" in str(done.exception)
