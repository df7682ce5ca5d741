"""Whatever a pod's author writes, the answer is elements that can be used, or a RequestError."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.args import ifname_problem
from plurimus.cni.errors import RequestError
from plurimus.model.selection import NetworkSelectionElement, is_hardware_address, parse, parse_one

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner), max_leaves=12
)
KEYS = ("name", "namespace", "interface", "ips", "mac", "infiniband-guid", "portMappings", "bandwidth", "cni-args",
        "default-route", "deviceID", "interfaceRequest")  # fmt: skip
near_misses = st.lists(st.dictionaries(st.sampled_from(KEYS), values | st.just("a")), max_size=3)


def usable(element: NetworkSelectionElement) -> bool:
    return bool(element.name and element.namespace and not (element.interface and ifname_problem(element.interface)))


@given(st.text())
def test_any_text(text: str) -> None:
    try:
        elements = parse(text, namespace="pod-ns")
    except RequestError:
        return
    assert all(usable(element) for element in elements)


@given(st.text(alphabet="ab0-/@,. \tlo", max_size=30))
def test_text_close_to_the_grammar(text: str) -> None:
    try:
        elements = parse(text, namespace="pod-ns")
    except RequestError:
        return
    assert len(elements) == (text.count(",") + 1 if text.strip() else 0)
    assert all(usable(element) for element in elements)


@given(values | near_misses)
def test_any_json(document: object) -> None:
    try:
        elements = parse(json.dumps([document] if isinstance(document, dict) else document), namespace="pod-ns")
    except RequestError:
        return
    assert all(usable(element) for element in elements)


@given(st.text() | near_misses.map(json.dumps))
def test_default_network_is_one_element_or_an_error(annotation: str) -> None:
    try:
        element = parse_one(annotation, namespace="kube-system")
    except RequestError:
        return
    assert usable(element)


@given(st.binary(min_size=1, max_size=24), st.sampled_from(":-"))
def test_hardware_addresses_have_6_8_or_20_octets(octets: bytes, separator: str) -> None:
    """Spec section 0, rule 5."""
    assert is_hardware_address(octets.hex(separator)) == (len(octets) in (6, 8, 20))
