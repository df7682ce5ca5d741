"""The manifests of deploy/: made from one source, taken by a real API server, for the release they are of."""

from __future__ import annotations

import json

import pytest
from tools import write_manifests

from plurimus.version import VERSION

from . import deployed
from .client import Object
from .controlplane import ControlPlane

ALL = [*write_manifests.MANIFESTS, "uninstall.yaml"]


def containers(thing: Object) -> list[Object]:
    """The containers of a workload's pods, those before the start first."""
    spec = thing.get("spec", {}).get("template", {}).get("spec", {})
    return [*spec.get("initContainers", []), *spec.get("containers", [])]


@pytest.mark.parametrize("name", write_manifests.MANIFESTS)
def test_a_manifest_is_what_its_kustomization_says(name: str) -> None:
    """`make manifests` writes it."""
    assert (deployed.DEPLOY / name).read_text() == write_manifests.rendered(name)


@pytest.mark.parametrize("name", [*ALL, "whereabouts.yaml", "own-node.yaml"])
def test_an_api_server_takes_a_manifest_as_it_is(control_plane: ControlPlane, name: str) -> None:
    """Spec section 8: every object, with no field it does not know."""
    words = ["apply", "--dry-run=server", "--validate=strict", "--output=json"]
    path = str(deployed.DEPLOY / name)
    taken = json.loads(control_plane.kubectl(*words, "--filename", path, namespace=deployed.NAMESPACE))
    taken = taken.get("items", [taken])
    assert [thing["kind"] for thing in taken] == [thing["kind"] for thing in deployed.manifest(name)]


@pytest.mark.parametrize("name", ALL)
def test_a_manifest_runs_the_image_of_this_release(name: str) -> None:
    images = [container["image"] for thing in deployed.manifest(name) for container in containers(thing)]
    assert images
    assert set(images) == {f"localhost/plurimus:{VERSION}"}


@pytest.mark.parametrize("name", ALL)
def test_no_container_has_a_memory_limit(name: str) -> None:
    """Spec section 8.1: what Multus' manifest gives the plugins of all networks together is too little."""
    for thing in deployed.manifest(name):
        for container in containers(thing):
            assert "limits" not in container["resources"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
