"""The JSON form of the `networks` annotation, field by field (F28 to F35, S32, S45)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import RequestError
from plurimus.model.selection import Bandwidth, NetworkSelectionElement, PortMapping, parse, parse_one

GUID = "c2:11:22:33:44:55:66:77"


def read(**fields: Any) -> NetworkSelectionElement:
    """The element that `[{"name": "a", **fields}]` is read as."""
    (element,) = parse(json.dumps([{"name": "a", **fields}]), namespace="pod-ns")
    return element


@pytest.mark.parametrize(
    ("key", "value", "field", "expected"),
    [
        pytest.param("namespace", "other", "namespace", "other", id="namespace"),
        pytest.param("namespace", "", "namespace", "pod-ns", id="empty-namespace"),
        pytest.param("name", "a.b", "name", "a.b", id="S45-name-with-dots"),
        pytest.param("interface", "eth1", "interface", "eth1", id="F36-interface"),
        pytest.param("interfaceRequest", "eth1", "interface", "eth1", id="F36-older-name-of-interface"),
        pytest.param("ips", ["10.0.0.1"], "ips", ["10.0.0.1"], id="F29-bare-address"),
        pytest.param("ips", ["10.0.0.1/24"], "ips", ["10.0.0.1/24"], id="F29-with-prefix"),
        pytest.param("ips", ["fd00::1", "10.0.0.1/8"], "ips", ["fd00::1", "10.0.0.1/8"], id="F29-two-families"),
        pytest.param("mac", "02:00:00:00:00:01", "mac", "02:00:00:00:00:01", id="F30-colons"),
        pytest.param("mac", "02-00-00-00-00-0a", "mac", "02-00-00-00-00-0a", id="F30-dashes"),
        pytest.param("mac", "0200.0000.000A", "mac", "0200.0000.000A", id="F30-dots"),
        pytest.param("mac", GUID, "mac", GUID, id="F30-eight-octets"),
        pytest.param("mac", ":".join(["00"] * 20), "mac", ":".join(["00"] * 20), id="F30-twenty-octets"),
        pytest.param("infiniband-guid", GUID, "infiniband_guid", GUID, id="F31-guid"),
        pytest.param("infiniband-guid", "02:00:00:00:00:01", "infiniband_guid", "02:00:00:00:00:01", id="F31-six"),
        pytest.param("bandwidth", {}, "bandwidth", Bandwidth(), id="F33-rates-default-to-zero"),
        pytest.param("cni-args", {"x": {"y": [1]}}, "cni_args", {"x": {"y": [1]}}, id="F34-cni-args"),
        pytest.param("deviceID", "0000:00:01.0", "device_id", "0000:00:01.0", id="F35-device"),
        pytest.param("default-route", [], "default_route", [], id="F38-empty-list"),
        pytest.param("default-route", None, "default_route", None, id="F38-null-is-absent"),
        pytest.param("default-route", ["10.0.0.1"], "default_route", ["10.0.0.1"], id="F38-gateway"),
        pytest.param("default-route", ["::ffff:10.0.0.1"], "default_route", ["10.0.0.1"], id="F38-mapped"),
        pytest.param("NAMESPACE", "other", "namespace", "other", id="keys-ignore-case"),
        pytest.param("mac", None, "mac", "", id="null-keeps-the-default"),
    ],
)
def test_json_field_is_read(key: str, value: object, field: str, expected: object) -> None:
    assert getattr(read(**{key: value}), field) == expected


def test_default_route_is_absent_unless_written() -> None:
    """F38: an absent key and an empty list mean different things."""
    assert read().default_route is None


def test_interface_wins_over_its_older_name() -> None:
    assert read(interface="eth1", interfaceRequest="eth2").interface == "eth1"


def test_port_mappings_are_read() -> None:
    """F32: only the two ports are needed."""
    written = [{"hostPort": 80, "containerPort": 8080, "protocol": "udp", "hostIP": "10.0.0.1"}]
    assert read(portMappings=written).port_mappings == [PortMapping(80, 8080, "udp", "10.0.0.1")]
    assert read(portMappings=[{"hostPort": 1, "containerPort": 2}]).port_mappings == [PortMapping(1, 2)]


def test_bandwidth_is_read() -> None:
    """F33."""
    written = {"ingressRate": 1, "ingressBurst": 2, "egressRate": 3, "egressBurst": 4}
    assert read(bandwidth=written).bandwidth == Bandwidth(1, 2, 3, 4)


def test_unknown_keys_are_ignored() -> None:
    """F85: other plugins read keys of their own from the same annotation."""
    assert read(**{"ipam-claim-reference": "claim", "ips": ["10.0.0.1"]}).ips == ["10.0.0.1"]


def test_order_and_repetition_are_kept() -> None:
    names = ["b", "a", "b"]
    elements = parse(json.dumps([{"name": name} for name in names]), namespace="pod-ns")
    assert [element.name for element in elements] == names


def test_an_empty_list_asks_for_nothing() -> None:
    assert parse("[]", namespace="pod-ns") == []


@pytest.mark.parametrize(
    ("annotation", "because"),
    [
        pytest.param("[", "no valid JSON", id="torn"),
        pytest.param('[{"name": "a"}] x', "no valid JSON", id="trailing-text"),
        pytest.param('{"name": "a"}', "expected a JSON list of objects, got an object", id="object"),
        pytest.param('"a"', "expected a JSON list of objects, got a string", id="string"),
        pytest.param("[null]", "element #0: expected an object, got null", id="S32-null-element"),
        pytest.param('["a"]', "element #0: expected an object, got a string", id="string-element"),
        pytest.param('[{"name": "a"}, [1]]', "element #1: expected an object, got a list", id="names-the-index"),
        pytest.param("[{}]", "'name' is missing or empty", id="no-name"),
        pytest.param('[{"name": ""}]', "'name' is missing or empty", id="empty-name"),
        pytest.param('[{"name": null}]', "'name' is missing or empty", id="null-name"),
        pytest.param('[{"name": NaN}]', "no valid JSON", id="nan"),
        pytest.param("[" * 5000, "no valid JSON", id="nests-too-deeply"),
    ],
)
def test_annotation_is_refused(annotation: str, because: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(annotation, namespace="pod-ns")
    assert because in caught.value.msg


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("name", 1, id="name"),
        pytest.param("namespace", 1, id="namespace"),
        pytest.param("interface", ["eth1"], id="interface"),
        pytest.param("interfaceRequest", 1, id="interfaceRequest"),
        pytest.param("ips", "10.0.0.1", id="ips"),
        pytest.param("mac", 1, id="mac"),
        pytest.param("infiniband-guid", 1, id="infiniband-guid"),
        pytest.param("portMappings", {}, id="portMappings"),
        pytest.param("bandwidth", [], id="bandwidth"),
        pytest.param("cni-args", [], id="cni-args"),
        pytest.param("default-route", "10.0.0.1", id="default-route"),
        pytest.param("deviceID", 1, id="deviceID"),
    ],
)
def test_wrong_type_is_refused_with_its_path(key: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        read(**{key: value})
    assert f"$.{key}" in caught.value.msg


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        pytest.param("ips", [1], "$.ips[0]", id="ips"),
        pytest.param("default-route", [None], "$.default-route[0]", id="default-route"),
        pytest.param("portMappings", [None], "$.portMappings[0]", id="mapping"),
        pytest.param("portMappings", [{"hostPort": 1}], "$.portMappings[0]", id="mapping-without-container-port"),
        pytest.param("portMappings", [{"containerPort": 1}], "$.portMappings[0]", id="mapping-without-host-port"),
        pytest.param(
            "portMappings", [{"hostPort": "80", "containerPort": 1}], "$.portMappings[0].hostPort", id="port-as-string"
        ),
        pytest.param("bandwidth", {"ingressRate": 1.5}, "$.bandwidth.ingressRate", id="fraction"),
        pytest.param("bandwidth", {"egressBurst": "1"}, "$.bandwidth.egressBurst", id="rate-as-string"),
    ],
)
def test_wrong_type_inside_a_field_is_refused_with_its_path(key: str, value: object, path: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(**{key: value})
    assert path in caught.value.msg


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[
            pytest.param(key, value, id=f"{key}-{value}")
            for key in ("name", "namespace")
            for value in ("A", "-a", "a-", "a..b", ".a", "a/b", "a b", "a\n")
        ],
        *[
            pytest.param(key, value, id=f"{key}-{value}")
            for key in ("interface", "interfaceRequest")
            for value in ("x" * 16, "x y", "x/y", "x:y", "x\n", "\0", ".", "..", "lo")
        ],
        *[
            pytest.param("ips", [value], id=f"ips-{value}")
            for value in ("", "x", "10.0.0", "010.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/24/1",
                          "10.0.0.1/255.0.0.0", "fe80::1%eth0", "fd00::1/129", "10.0.0.1;MAC=x")
        ],
        *[
            pytest.param(key, value, id=f"{key}-{value}")
            for key in ("mac", "infiniband-guid")
            for value in ("x", "02:00:00:00:00", "02:00:00:00:00:0g", "02:00-00:00:00:00", "020000000001",
                          "02:00:00:00:00:01:02", "02:00:00:00:00:01\n", "0200.0000.00", "2:0:0:0:0:1")
        ],
        *[
            pytest.param("default-route", [value], id=f"default-route-{value}")
            for value in ("", "x", "10.0.0.1/24", "0.0.0.0/0", "fe80::1%eth0")
        ],
    ],
)  # fmt: skip
def test_wrong_value_is_refused(key: str, value: object) -> None:
    with pytest.raises(RequestError, match="element #0 "):
        read(**{key: value})


def test_default_network_takes_exactly_one_element() -> None:
    """F39, in either form."""
    assert parse_one("a", namespace="kube-system") == parse_one('[{"name":"a"}]', namespace="kube-system")


@pytest.mark.parametrize("annotation", ["", " ", "[]", "a,b", '[{"name":"a"},{"name":"b"}]', "[null]", "null,null"])
def test_default_network_refuses_any_other_number(annotation: str) -> None:
    """F39, S32: an empty value, an empty list and a null element are clean errors."""
    with pytest.raises(RequestError):
        parse_one(annotation, namespace="kube-system")
