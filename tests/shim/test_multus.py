"""The shim beside Multus' own daemon, which says neither what to print nor in which version.

Multus' daemon answers ADD in CNI 1.1.0 whatever was asked, since its own shim converts.  Handing that
to the runtime would not do, although libcni reads a result by the result's own label: a runtime built
before CNI 1.1 refuses the label, and the next plugin of a list is handed the result as it is and
reads it by the version of the configuration.  So this shim converts as well.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni import result

from .fake import FakeDaemon, http
from .runtime import Node

RESULT: dict[str, Any] = {
    "cniVersion": "1.1.0",
    "interfaces": [
        {"name": "cbr0", "mac": "02:00:00:00:00:01", "mtu": 1500},
        {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/run/netns/pod", "pciID": "0000:00:1f.2"},
    ],
    "ips": [
        {"interface": 1, "address": "10.244.0.5/24", "gateway": "10.244.0.1"},
        {"interface": 1, "address": "10.245.0.5/24"},
        {"interface": 1, "address": "fd00::5/64", "gateway": "fd00::1"},
    ],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd00::1"}, {"dst": "10.0.0.0/8", "gw": "10.244.0.1"}],
    "dns": {"nameservers": ["10.96.0.10"]},
}
VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")


def answer(made: dict[str, Any]) -> bytes:
    """An answer of Multus' daemon to ADD, as Go's encoder writes it."""
    return http(200, json.dumps({"Result": made}, separators=(",", ":")).encode())


def expected(made: dict[str, Any], version: str) -> dict[str, Any]:
    """What our daemon would print."""
    printed: dict[str, Any] = json.loads(result.encode(result.parse(made, default_version=""), version))
    return printed


@pytest.mark.parametrize("version", VERSIONS)
def test_the_result_is_in_the_version_of_the_configuration(node: Node, daemon: FakeDaemon, version: str) -> None:
    """F60, F7; spec sections 1.4 and 7.2."""
    daemon.answers("/cni", answer(RESULT))
    printed = json.loads(node.call("ADD", node.conf(cniVersion=version)).printed())
    assert printed == expected(RESULT, version)


@pytest.mark.parametrize("version", [None, ""], ids=["missing", "empty"])
def test_a_configuration_without_a_version_is_of_the_oldest(
    node: Node, daemon: FakeDaemon, version: str | None
) -> None:
    """F7."""
    daemon.answers("/cni", answer(RESULT))
    printed = json.loads(node.call("ADD", node.conf(cniVersion=version)).printed())
    assert printed == expected(RESULT, "0.1.0")


@pytest.mark.parametrize("version", ["0.9.0", "1.2.0", "1", 1, "x" * 100])
def test_a_version_nobody_knows_is_an_error(node: Node, daemon: FakeDaemon, version: object) -> None:
    """F7."""
    daemon.answers("/cni", answer(RESULT))
    assert "incompatible CNI versions" in node.call("ADD", node.conf(cniVersion=version)).refused(1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_result_without_addresses_is_converted_where_it_can_be(node: Node, daemon: FakeDaemon, version: str) -> None:
    """F7: the two oldest versions cannot say it."""
    made = {"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}]}
    daemon.answers("/cni", answer(made))
    ended = node.call("ADD", node.conf(cniVersion=version))
    if version < "0.3":
        assert "no valid IP addresses" in ended.refused(1)
    else:
        assert json.loads(ended.printed()) == expected(made, version)


@pytest.mark.parametrize("verb", ["CHECK", "STATUS", "GC", "DEL"])
def test_success_of_the_other_verbs_prints_nothing(node: Node, daemon: FakeDaemon, verb: str) -> None:
    """F60."""
    daemon.answers("/cni", http(200))
    assert node.call(verb).printed() == b""
    assert node.spooled() == {}


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "STATUS", "GC", "DEL"])
@pytest.mark.parametrize("code", [7, 11, 50, 51])
def test_an_error_object_is_printed_as_it_is(node: Node, daemon: FakeDaemon, verb: str, code: int) -> None:
    """S20, and S5: a failed DEL is no success."""
    error = b'{"code":%d,"msg":"a \\"b\\"","details":"c"}' % code
    daemon.answers("/cni", http(400, error))
    ended = node.call(verb)
    assert (ended.status, ended.stdout, ended.stderr) == (1, error, b"")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('ContainerID:"a" Netns:"b" ERRORED: no\n', id="text"),
        pytest.param('{"code":7,"msg":""}', id="error-without-words"),
        pytest.param('{"code":7}', id="no-msg"),
        pytest.param("[]", id="list"),
        pytest.param("", id="empty"),
    ],
)
def test_other_errors_are_quoted(node: Node, daemon: FakeDaemon, text: str) -> None:
    """F90; spec section 7.3: tools look for the words."""
    daemon.answers("/cni", http(400, text.encode()))
    assert node.call("ADD").refused(999) == f"CNI request failed with status 400: '{text}'"


def test_a_long_error_is_quoted_in_part(node: Node, daemon: FakeDaemon) -> None:
    daemon.answers("/cni", http(500, b"a" * 10**6))
    assert node.call("ADD").refused(999) == f"CNI request failed with status 500: '{'a' * 4096}'"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"Result":null}', b'{"Result":[]}', b'{"Result":{"a":1', b"null", b"garbage", b"\xff\x00"]
)
def test_success_of_add_without_a_result_is_an_error(node: Node, daemon: FakeDaemon, body: bytes) -> None:
    """F60; spec section 7.3: Multus' own shim crashes."""
    daemon.answers("/cni", http(200, body))
    assert "answered ADD without a result" in node.call("ADD").refused(999)
