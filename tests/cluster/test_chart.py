"""The Helm chart: the manifests' objects, as its values say."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from plurimus.version import VERSION

from . import deployed
from .client import Object
from .controlplane import ControlPlane
from .programs import ROOT

CHART = deployed.DEPLOY / "helm/plurimus"
RENDER = ROOT / "build/helm/render"
DOCUMENT = ROOT / "docs/reference/helm-values.md"
CONFIG = "daemon-config.json"
CRIO = {"cniBinDir": "/usr/libexec/cni", "config": {"overrideNetworkName": True}}


def run(values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    if not RENDER.exists():
        pytest.fail(f"{RENDER.relative_to(ROOT)} is missing; run `make test-cluster`, which builds it")
    return subprocess.run([RENDER, CHART, json.dumps(values)], capture_output=True, text=True, check=False)


def rendered(**values: Any) -> list[Object]:
    """What the chart makes of values."""
    done = run(values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def one(things: list[Object], kind: str) -> Object:
    (found,) = [thing for thing in things if thing["kind"] == kind]
    return found


def pod(things: list[Object]) -> dict[str, Any]:
    """What the daemon set makes pods from."""
    spec: dict[str, Any] = one(things, "DaemonSet")["spec"]["template"]["spec"]
    return spec


def config(things: list[Object]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(one(things, "ConfigMap")["data"][CONFIG])
    return found


def comparable(things: list[Object]) -> dict[str, Any]:
    """Objects by kind, without what means nothing: the order of volumes, spaces in JSON, the digest of a ConfigMap."""
    by_kind: dict[str, Any] = {thing["kind"]: thing for thing in things}
    assert len(by_kind) == len(things)
    by_kind["ConfigMap"]["data"][CONFIG] = config(things)
    template = by_kind["DaemonSet"]["spec"]["template"]
    template["metadata"].get("annotations", {}).pop("checksum/config", None)
    template["metadata"] = {key: value for key, value in template["metadata"].items() if value}
    template["spec"]["volumes"].sort(key=lambda volume: str(volume["name"]))
    return by_kind


def test_the_port_of_metrics_is_in_the_file_and_known_to_who_scrapes() -> None:
    """F74."""
    things = rendered(metricsPort=9091)
    assert config(things)["metricsPort"] == 9091
    assert pod(things)["containers"][0]["ports"] == [{"name": "metrics", "containerPort": 9091}]
    annotations = one(things, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
    assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]) == ("true", "9091")
    for other in (rendered(), rendered(metricsPort=9091, mode="thin")):
        assert "metricsPort" not in config(other)
        assert "ports" not in pod(other)["containers"][0]


@pytest.mark.parametrize(
    ("manifest", "values"),
    [("plurimus.yaml", {}), ("plurimus-thin.yaml", {"mode": "thin"}), ("plurimus-crio.yaml", CRIO)],
)
def test_the_chart_has_the_objects_of_the_manifests(manifest: str, values: dict[str, Any]) -> None:
    """Neither can change without the other."""
    assert comparable(rendered(**values)) == comparable(deployed.manifest(manifest))


@pytest.mark.parametrize(
    "values",
    [
        {"imagePullSecrets": [{"name": "registry"}], "podAnnotations": {"a": "b"}, "privileged": True},
        {"mode": "thin", "replaceMultus": True, "cniConfDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d"},
    ],
)
def test_an_api_server_takes_what_the_values_change(control_plane: ControlPlane, values: dict[str, Any]) -> None:
    done = run(values)
    path = control_plane.folder / "chart.yaml"
    path.write_text(done.stdout)
    words = ["apply", "--dry-run=server", "--validate=strict", "--output=name", "--filename", str(path)]
    taken = control_plane.kubectl(*words, namespace=deployed.NAMESPACE).split()
    assert "daemonset.apps/plurimus" in taken
    assert len(taken) == len(deployed.manifest("plurimus-thin.yaml" if "mode" in values else "plurimus.yaml"))


def test_the_values_for_the_daemons_file_are_in_it_and_more_keys_win() -> None:
    """F46, F47."""
    things = rendered(
        namespaceIsolation=True, globalNamespaces="shared,default", logLevel="debug",
        config={"logLevel": "error", "pluginTimeout": 60, "defaultNetworks": ["rail"]},
    )  # fmt: skip
    found = config(things)
    assert (found["namespaceIsolation"], found["globalNamespaces"]) == (True, "shared,default")
    assert (found["logLevel"], found["pluginTimeout"], found["defaultNetworks"]) == ("error", 60, ["rail"])
    assert found["chrootDir"] == "/hostroot"


def test_a_changed_file_starts_the_daemons_anew() -> None:
    templates = [one(rendered(config=keys), "DaemonSet")["spec"]["template"] for keys in ({}, {"apiTimeout": 5})]
    assert templates[0]["metadata"]["annotations"] != templates[1]["metadata"]["annotations"]
    assert templates[0]["spec"] == templates[1]["spec"]


@pytest.mark.parametrize("mode", ["thick", "thin"])
def test_the_nodes_folders_may_be_elsewhere(mode: str) -> None:
    """Where a distribution has its own: the paths in the daemon's file follow."""
    things = rendered(mode=mode, cniConfDir="/var/lib/k3s/net.d", cniBinDir="/var/lib/k3s/bin")
    volumes = {volume["name"]: volume.get("hostPath", {}).get("path") for volume in pod(things)["volumes"]}
    assert (volumes["cni-conf"], volumes["cni-bin"]) == ("/var/lib/k3s/net.d", "/var/lib/k3s/bin")
    mounts = {mount["name"]: mount["mountPath"] for mount in pod(things)["containers"][0]["volumeMounts"]}
    found = config(things)
    assert found["cniConfigDir"] == found["multusAutoconfigDir"] == mounts["cni-conf"] == "/host/var/lib/k3s/net.d"
    assert found["binDir"] == "/var/lib/k3s/bin"


def test_multus_is_replaced_where_the_values_say_so() -> None:
    """F81."""
    for wanted in (False, True):
        install = pod(rendered(replaceMultus=wanted))["initContainers"][0]
        assert ("--replace-multus" in install["command"]) is wanted


def test_privileged_takes_the_place_of_the_capabilities() -> None:
    (container,) = pod(rendered(privileged=True))["containers"]
    assert container["securityContext"] == {"readOnlyRootFilesystem": True, "privileged": True}


def test_another_registry_has_the_image_under_its_name() -> None:
    spec = pod(rendered(image={"repository": "registry.example/plurimus"}, imagePullSecrets=[{"name": "key"}]))
    images = {each["image"] for each in (*spec["initContainers"], *spec["containers"])}
    assert images == {f"registry.example/plurimus:{VERSION}"}
    assert spec["imagePullSecrets"] == [{"name": "key"}]


def test_an_unknown_mode_is_refused() -> None:
    done = run({"mode": "thicc"})
    assert done.returncode != 0
    assert 'mode is "thicc", expected thick or thin' in done.stderr


def test_the_chart_is_of_this_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == VERSION


def test_the_reference_names_every_value_with_its_default() -> None:
    rows = [line.split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    documented = {row[0].strip("| `"): row[1].strip("` ") for row in rows}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    image = values.pop("image")
    values |= {f"image.{key}": value for key, value in image.items()}
    assert documented == {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
