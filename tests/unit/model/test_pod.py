"""Pods and definitions, reduced to what is read of them."""

from __future__ import annotations

import pytest

from plurimus.model.definition import RESOURCE_NAME, NetworkAttachmentDefinition
from plurimus.model.pod import CONFIG_HASH, CONFIG_SOURCE, Pod


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, False, id="no-source"),
        pytest.param({CONFIG_SOURCE: "api"}, False, id="api"),
        pytest.param({CONFIG_SOURCE: "file"}, True, id="file"),
        pytest.param({CONFIG_SOURCE: "http"}, True, id="http"),
    ],
)
def test_static_pods_are_known_by_their_source(annotations: dict[str, str], expected: bool) -> None:
    """F58."""
    assert Pod("ns", "pod", annotations=annotations).is_static is expected


def test_a_pod_prints_as_namespace_and_name() -> None:
    assert str(Pod("ns", "pod", uid="1")) == "ns/pod"


def test_a_definition_names_its_resource() -> None:
    """F48."""
    definition = NetworkAttachmentDefinition("ns", "net", annotations={RESOURCE_NAME: "example.com/vf"})
    assert definition.resource_name == "example.com/vf"


def test_a_definition_needs_no_resource() -> None:
    definition = NetworkAttachmentDefinition("ns", "net")
    assert (definition.resource_name, str(definition)) == ("", "ns/net")


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, "uid", id="of-the-api"),
        pytest.param({CONFIG_SOURCE: "file", CONFIG_HASH: "hash"}, "hash", id="static"),
        pytest.param({CONFIG_SOURCE: "file"}, "uid", id="static-without-a-hash"),
        pytest.param({CONFIG_HASH: "hash"}, "uid", id="said-by-its-author"),
    ],
)
def test_kubelet_knows_a_static_pod_by_another_uid(annotations: dict[str, str], expected: str) -> None:
    """F52, F58."""
    assert Pod("ns", "pod", "uid", annotations).kubelet_uid == expected
