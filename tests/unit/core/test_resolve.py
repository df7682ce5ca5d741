"""Which networks a pod gets, in which order, and whether it may (F14 to F20, F39)."""

from __future__ import annotations

import pytest

from plurimus.cni.errors import ConfigError, RequestError
from plurimus.core.resolve import Reference, references
from plurimus.model.pod import DEFAULT_NETWORK, NETWORKS, Pod

from .builders import node

INLINE = [{"type": "a"}, {"type": "b"}]


def pod(namespace: str = "pod-ns", *, networks: str | None = None, default: str | None = None) -> Pod:
    written = {NETWORKS: networks, DEFAULT_NETWORK: default}
    return Pod(namespace, "pod", annotations={key: value for key, value in written.items() if value is not None})


def targets(found: list[Reference]) -> list[str]:
    """What is looked up, readable: `ns/name`, with `disk:` where a file will do, `#n` for an inline delegate."""
    return [
        f"#{reference.inline}"
        if reference.inline is not None
        else f"{'disk:' if reference.on_disk else ''}{reference.namespace}/{reference.name}"
        for reference in found
    ]


def test_inline_delegates_come_in_their_order() -> None:
    """F1."""
    assert targets(references(node(delegates=INLINE), pod())) == ["#0", "#1"]


def test_the_cluster_network_wins_over_inline_delegates() -> None:
    """Spec section 2.1."""
    assert targets(references(node(delegates=INLINE, clusterNetwork="net"), pod())) == ["disk:kube-system/net"]


def test_cluster_network_then_default_networks_then_the_pods_own() -> None:
    """F14, F17, F27."""
    found = references(node(clusterNetwork="net", defaultNetworks=["d1", "d2"]), pod(networks="b,other/a,b"))
    assert targets(found) == [
        "disk:kube-system/net", "disk:kube-system/d1", "disk:kube-system/d2", "pod-ns/b", "other/a", "pod-ns/b",
    ]  # fmt: skip


def test_only_the_first_is_the_default_network() -> None:
    found = references(node(clusterNetwork="net", defaultNetworks=["d1"]), pod(networks="a"))
    assert [reference.is_default for reference in found] == [True, False, False]


def test_only_the_pods_own_networks_carry_a_selection_element() -> None:
    found = references(node(clusterNetwork="net"), pod(networks="a@eth5"))
    assert [reference.selection and reference.selection.interface for reference in found] == [None, "eth5"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({}, 1, id="kube-system-by-default"),
        pytest.param({"systemNamespaces": ["other"]}, 2, id="replaced-list"),
        pytest.param({"systemNamespaces": []}, 2, id="empty-list"),
    ],
)
def test_pods_of_system_namespaces_get_no_default_networks(keys: dict[str, list[str]], expected: int) -> None:
    """F18."""
    found = references(node(clusterNetwork="net", defaultNetworks=["d1"], **keys), pod("kube-system"))
    assert len(found) == expected


def test_pods_of_system_namespaces_keep_their_own_networks() -> None:
    """F18."""
    found = references(node(clusterNetwork="net", defaultNetworks=["d1"]), pod("kube-system", networks="a"))
    assert targets(found) == ["disk:kube-system/net", "kube-system/a"]


def test_default_networks_need_a_cluster_network() -> None:
    """Spec section 2.1, validation."""
    assert targets(references(node(delegates=INLINE, defaultNetworks=["d1"]), pod())) == ["#0", "#1"]


def test_without_a_pod_there_is_only_what_the_node_says() -> None:
    """F4: STATUS and GC."""
    assert targets(references(node(clusterNetwork="net", defaultNetworks=["d1"]), None)) == ["disk:kube-system/net"]


def test_names_are_looked_up_in_the_namespace_of_multus() -> None:
    """F19."""
    keys = {"clusterNetwork": "net", "defaultNetworks": ["d1"], "multusNamespace": "infra"}
    assert targets(references(node(**keys), pod(default="x"))) == ["infra/x", "disk:infra/d1"]


def test_nothing_to_delegate_to_is_a_config_error() -> None:
    """F90: tools search for this text."""
    with pytest.raises(ConfigError, match="at least one delegate/clusterNetwork must be specified"):
        references(node(), pod(default="a"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("net", False, id="name"),
        pytest.param("/etc/cni/net.d", True, id="F16-absolute"),
        pytest.param("./a.conflist", True, id="F16-relative"),
    ],
)
def test_a_slash_makes_a_path(name: str, *, expected: bool) -> None:
    (found,) = references(node(clusterNetwork=name), None)
    assert found.is_path is expected


@pytest.mark.parametrize("keys", [{"delegates": INLINE}, {"clusterNetwork": "net", "defaultNetworks": ["d"]}])
def test_the_default_network_annotation_replaces_the_first(keys: dict[str, object]) -> None:
    """F39."""
    before, found = references(node(**keys), pod()), references(node(**keys), pod(default="x@eth7"))
    assert found[1:] == before[1:]
    assert (targets(found)[0], found[0].is_default) == ("kube-system/x", True)
    assert found[0].selection is not None
    assert found[0].selection.interface == "eth7"


@pytest.mark.parametrize("annotation", ["", "[]", "a,b", "[null]"])
def test_a_default_network_annotation_without_one_network_is_refused(annotation: str) -> None:
    """F39, S32."""
    with pytest.raises(RequestError):
        references(node(clusterNetwork="net"), pod(default=annotation))


def test_a_malformed_networks_annotation_is_refused() -> None:
    with pytest.raises(RequestError):
        references(node(clusterNetwork="net"), pod(networks="[{}]"))


@pytest.mark.parametrize(
    ("keys", "network"),
    [
        pytest.param({}, "a", id="own-namespace"),
        pytest.param({}, "pod-ns/a", id="own-namespace-written"),
        pytest.param({}, "default/a", id="default-is-global"),
        pytest.param({"globalNamespaces": "infra, shared"}, "shared/a", id="named-global"),
        pytest.param({"namespaceIsolation": False}, "other/a", id="no-isolation"),
    ],
)
def test_isolation_allows(keys: dict[str, object], network: str) -> None:
    """F20."""
    found = references(node(**{"clusterNetwork": "net", "namespaceIsolation": True, **keys}), pod(networks=network))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("keys", "network"),
    [
        pytest.param({}, "other/a", id="other"),
        pytest.param({}, "kube-system/a", id="namespace-of-multus"),
        pytest.param({"globalNamespaces": "infra"}, "default/a", id="named-global-replaces-default"),
        pytest.param({"globalNamespaces": "infra"}, "a,infra/b,other/c", id="third-of-three"),
        pytest.param({}, '[{"name":"a","namespace":"other"}]', id="json-form"),
    ],
)
def test_isolation_refuses(keys: dict[str, object], network: str) -> None:
    """F20."""
    with pytest.raises(RequestError, match="namespace isolation enabled, annotation violates permission") as caught:
        references(node(clusterNetwork="net", namespaceIsolation=True, **keys), pod(networks=network))
    assert "pod-ns" in caught.value.msg


def test_isolation_does_not_concern_what_the_node_says() -> None:
    """Spec section 2.5."""
    found = references(node(clusterNetwork="net", defaultNetworks=["d"], namespaceIsolation=True), pod())
    assert len(found) == 2


@pytest.mark.parametrize("annotation", ["a", "kube-system/a", "pod-ns/a", "default/a"])
def test_isolation_allows_a_default_network_of(annotation: str) -> None:
    """S23: the administrator's namespace, the pod's own, and the global ones."""
    found = references(node(clusterNetwork="net", namespaceIsolation=True), pod(default=annotation))
    assert found[0].name == "a"


def test_isolation_holds_for_the_default_network_annotation() -> None:
    """S23."""
    with pytest.raises(RequestError, match="annotation violates permission"):
        references(node(clusterNetwork="net", namespaceIsolation=True), pod(default="other/a"))
