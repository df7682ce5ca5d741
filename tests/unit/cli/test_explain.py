"""`plurimus explain`: the plan for a pod, without doing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from plurimus.adapters.manifests import DEVICES
from plurimus.cli.main import root
from plurimus.cni.errors import ConfigError, PlurimusError, RequestError
from plurimus.model.definition import RESOURCE_NAME
from plurimus.model.pod import NETWORKS

VF = "example.com/vf"


def node(folder: Path, networks: Any = "macvlan,sriov@rdma0", **config: Any) -> str:
    """A daemon's configuration, a pod default/a with `networks`, and two definitions; its path."""

    def manifest(kind: str, name: str, spec: object = None, **annotations: str) -> dict[str, Any]:
        return {"kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": spec}

    text = networks if isinstance(networks, str) else json.dumps(networks)
    macvlan = {"cniVersion": "1.0.0", "type": "macvlan", "master": "rail0"}
    sriov = {"cniVersion": "0.4.0", "plugins": [{"type": "sriov"}, {"type": "rdma"}]}
    documents = [
        manifest("Pod", "a", **{NETWORKS: text, DEVICES: json.dumps({VF: ["0000:03:00.2"]})}),
        manifest("Pod", "b"),
        manifest("NetworkAttachmentDefinition", "macvlan", {"config": json.dumps(macvlan)}),
        manifest("NetworkAttachmentDefinition", "sriov", {"config": json.dumps(sriov)}, **{RESOURCE_NAME: VF}),
    ]
    (folder / "manifests").mkdir()
    (folder / "manifests/all.yaml").write_text(yaml.safe_dump_all(documents))
    (folder / "10-pods.conf").write_text(json.dumps({"cniVersion": "1.1.0", "name": "pods", "type": "bridge"}))
    path = folder / "daemon.json"
    path.write_text(
        json.dumps({"manifests": str(folder / "manifests"), "clusterNetwork": f"{folder}/10-pods.conf", **config})
    )
    return str(path)


def explain(*argv: str) -> str:
    done = CliRunner().invoke(root, ["explain", *argv], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*argv: str) -> PlurimusError:
    error = CliRunner().invoke(root, ["explain", *argv]).exception
    assert isinstance(error, PlurimusError)
    return error


def test_the_table_has_a_line_for_each_interface(tmp_path: Path) -> None:
    lines = explain("a", "--config", node(tmp_path)).splitlines()
    assert lines[0].startswith("pod default/a: 3 interfaces")
    assert lines[2].split() == ["STEP", "INTERFACE", "NETWORK", "PLUGINS", "VERSION", "DEVICE"]
    assert [line.split()[1:] for line in lines[3:6]] == [
        ["eth0", "pods", "bridge", "1.1.0", "-"],
        ["net1", "default/macvlan", "macvlan", "1.0.0", "-"],
        ["rdma0", "default/sriov", "sriov", "0.4.0", "0000:03:00.2"],
    ]
    assert lines[6].split() == ["rdma"]
    assert lines[8].startswith('rdma0 asks for {"deviceID": "0000:03:00.2", "CNIDeviceInfoFile": ')


def test_json_has_all_there_is_to_know(tmp_path: Path) -> None:
    """F48: for programs."""
    wanted = [
        {"name": "macvlan", "default-route": ["10.0.0.1"], "portMappings": [{"hostPort": 80, "containerPort": 80}]}
    ]
    document = json.loads(explain("default/a", "--output", "json", "--config", node(tmp_path, wanted)))
    assert document["pod"] == "default/a/"
    default, secondary = document["attachments"]
    assert (default["interface"], default["default"], default["default route"]) == ("eth0", True, None)
    assert secondary == {
        "step": 2,
        "interface": "net1",
        "network": "default/macvlan",
        "cni name": "macvlan",
        "plugins": ["macvlan"],
        "version": "1.0.0",
        "default": False,
        "default route": ["10.0.0.1"],
        "device": "",
        "resource": "",
        "capability args": {"portMappings": [{"hostPort": 80, "containerPort": 80}]},
        "args": "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=a;K8S_POD_INFRA_CONTAINER_ID=explained;"
        "K8S_POD_UID=",
    }
    assert "the pod asks for 'portMappings', but no plugin of the network declares" in document["warnings"][0]


def test_what_is_logged_is_not_among_what_is_printed(tmp_path: Path) -> None:
    """S28: a file that is skipped is told on stderr, and a program still reads JSON."""
    config = node(tmp_path, clusterNetwork="pods", confDir=str(tmp_path))
    (tmp_path / "00.conf").write_text("{")
    done = CliRunner().invoke(root, ["explain", "a", "--output", "json", "--config", config], catch_exceptions=False)
    assert json.loads(done.stdout)["attachments"][0]["network"] == "pods"
    assert f"{tmp_path}/00.conf" in done.stderr


def test_the_default_network_is_that_of_the_nodes_cni_configuration(tmp_path: Path) -> None:
    """F65: where the daemon writes that, its own file does not name the network."""
    config = node(tmp_path)
    kept = json.loads(Path(config).read_text())
    default = kept.pop("clusterNetwork")
    Path(config).write_text(json.dumps(kept | {"cniConfigDir": str(tmp_path), "multusAutoconfigDir": str(tmp_path)}))
    assert "clusterNetwork" in str(refused("b", "--config", config))
    plugin = {"type": "plurimus", "clusterNetwork": default}
    written = {"cniVersion": "1.1.0", "name": "plurimus", "plugins": [plugin]}
    (tmp_path / "00-plurimus.conflist").write_text(json.dumps(written))
    assert explain("b", "--config", config).splitlines()[3].split()[1:4] == ["eth0", "pods", "bridge"]


def test_warnings_are_shown_to_people_too(tmp_path: Path) -> None:
    wanted = [{"name": "macvlan", "portMappings": [{"hostPort": 80, "containerPort": 80}]}]
    assert "\nwarning: network 'default/macvlan': " in explain("a", "--config", node(tmp_path, wanted))


def test_nothing_is_done(tmp_path: Path) -> None:
    config = node(tmp_path, cniDir=str(tmp_path / "state"))
    before = sorted(tmp_path.rglob("*"))
    explain("a", "--config", config)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["c", "other/a", "default/c"])
def test_an_unknown_pod_lists_those_there_are(name: str, tmp_path: Path) -> None:
    error = refused(name, "--config", node(tmp_path))
    assert isinstance(error, RequestError)
    assert error.msg.endswith("in the cluster; there are: default/a, default/b")


def test_what_would_stop_the_pod_is_told(tmp_path: Path) -> None:
    """S9, F90: as the event on the pod would."""
    error = refused("a", "--config", node(tmp_path, "sriov,sriov"))
    assert "needs a device of 'example.com/vf': pod default/a has 1 allocated and asks for 2" in error.msg
    (tmp_path / "second").mkdir()
    error = refused("a", "--config", node(tmp_path / "second", "missing"))
    assert "cannot find a network-attachment-definition (missing) in namespace (default)" in error.msg


def test_without_manifests_there_is_no_cluster_to_ask(tmp_path: Path) -> None:
    error = refused("a", "--config", node(tmp_path, manifests=""))
    assert isinstance(error, ConfigError)
    assert error.msg.startswith(f"{tmp_path}/daemon.json: neither 'manifests' nor 'kubeconfig' names a cluster")


def test_a_node_without_a_daemon_names_the_cluster_in_its_cni_configuration(tmp_path: Path) -> None:
    """F79."""
    config = node(tmp_path, manifests="", multusAutoconfigDir=str(tmp_path), cniConfigDir=str(tmp_path))
    plugin = {"type": "plurimus", "program": "/opt/program", "kubeconfig": f"{tmp_path}/kubeconfig"}
    conflist = {"cniVersion": "1.0.0", "name": "node", "plugins": [plugin]}
    (tmp_path / "00-plurimus.conflist").write_text(json.dumps(conflist))
    error = refused("a", "--config", config)
    assert error.msg == f"kubeconfig {tmp_path}/kubeconfig: No such file or directory"
