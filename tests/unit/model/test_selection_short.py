"""The short form of the `networks` annotation: `[namespace/]name[@interface]`, comma separated (F27)."""

from __future__ import annotations

import pytest

from plurimus.cni.errors import RequestError
from plurimus.model.selection import NetworkSelectionElement, parse


def element(name: str, namespace: str = "pod-ns", interface: str = "") -> NetworkSelectionElement:
    return NetworkSelectionElement(name=name, namespace=namespace, interface=interface)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \t\n", [], id="blank"),
        pytest.param("a", [element("a")], id="name"),
        pytest.param("other/a", [element("a", "other")], id="namespace"),
        pytest.param("a@eth1", [element("a", interface="eth1")], id="interface"),
        pytest.param("other/a@eth1", [element("a", "other", "eth1")], id="everything"),
        pytest.param(" other / a @ eth1 ", [element("a", "other", "eth1")], id="blanks-around-parts"),
        pytest.param("b, a ,c", [element("b"), element("a"), element("c")], id="order-is-kept"),
        pytest.param("a,a", [element("a"), element("a")], id="F87-the-same-twice"),
        pytest.param("a@Eth1.100", [element("a", interface="Eth1.100")], id="upper-case-and-dots-in-interface"),
        pytest.param("a@" + "x" * 15, [element("a", interface="x" * 15)], id="longest-interface"),
        pytest.param("0-a", [element("0-a")], id="digit-first"),
        pytest.param("null", [element("null")], id="json-words-are-names"),
    ],
)
def test_short_form_is_read(annotation: str, expected: list[NetworkSelectionElement]) -> None:
    assert parse(annotation, namespace="pod-ns") == expected


@pytest.mark.parametrize(
    ("annotation", "because"),
    [
        pytest.param("a/b/c", "Invalid network object (failed at '/')", id="two-slashes"),
        pytest.param("a@b@c", "Invalid network object (failed at '@')", id="two-ats"),
        pytest.param("A", "network name 'A'", id="upper-case-name"),
        pytest.param("Ns/a", "namespace 'Ns'", id="upper-case-namespace"),
        pytest.param("-a", "network name '-a'", id="name-starts-with-dash"),
        pytest.param("a-", "network name 'a-'", id="name-ends-with-dash"),
        pytest.param("a_b", "network name 'a_b'", id="underscore"),
        pytest.param("a b", "network name 'a b'", id="blank-inside"),
        pytest.param("é", "network name 'é'", id="not-ascii"),
        pytest.param("a.b", "names with dots need the JSON form", id="S45-dots-point-to-the-json-form"),
        pytest.param("n.s/a", "names with dots need the JSON form", id="S45-dots-in-namespace"),
        pytest.param("a,", "the network name is empty", id="trailing-comma"),
        pytest.param("a,,b", "the network name is empty", id="empty-item"),
        pytest.param(",", "the network name is empty", id="comma-only"),
        pytest.param("ns/", "the network name is empty", id="namespace-only"),
        pytest.param("@eth1", "the network name is empty", id="interface-only"),
        pytest.param("/a", "no namespace precedes '/'", id="slash-without-namespace"),
        pytest.param("a@", "no interface name follows '@'", id="at-without-interface"),
        pytest.param("a@ ", "no interface name follows '@'", id="at-and-a-blank"),
        pytest.param("a@" + "x" * 16, "longer than 15 bytes", id="interface-too-long"),
        pytest.param("a@" + "é" * 8, "longer than 15 bytes", id="length-counts-bytes"),
        pytest.param("a@x%d", "contains %", id="interface-with-template"),
        pytest.param("a@x y", "white space", id="interface-with-blank"),
        pytest.param("a@x\ty", "white space", id="interface-with-tab"),
        pytest.param("a@x\ny", "white space", id="interface-with-newline"),
        pytest.param("a@x\ry", "white space", id="interface-with-return"),
        pytest.param("a@x\vy", "white space", id="interface-with-vertical-tab"),
        pytest.param("a@x\fy", "white space", id="interface-with-form-feed"),
        pytest.param("a@x/y", "contains / or :", id="slash-in-interface"),
        pytest.param("ns/a@x/y", "failed at '/'", id="slash-in-both"),
        pytest.param("a@x:y", "contains / or :", id="interface-with-colon"),
        pytest.param("a@..", "is . or ..", id="interface-dot-dot"),
        pytest.param("a@lo", "loopback", id="interface-lo"),
    ],
)
def test_short_form_is_refused(annotation: str, because: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse(annotation, namespace="pod-ns")
    assert because in caught.value.msg


def test_the_error_names_the_entry() -> None:
    with pytest.raises(RequestError, match="element b@c@d:"):
        parse("a, b@c@d", namespace="pod-ns")
