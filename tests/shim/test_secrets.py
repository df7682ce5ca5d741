"""No error of the shim shows the configuration it was given."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import pytest

from .fake import FakeDaemon, Step, http
from .runtime import Ended, Node, run

SECRET = "token-e7b1c0ffee"
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


def shown(ended: Ended) -> str:
    assert ended.status == 1
    return ended.stdout.decode() + ended.stderr.decode()


def is_silent(text: str, stdin: bytes) -> None:
    """Neither the secret nor any part of the encoded configuration is in the text."""
    encoded = base64.b64encode(stdin).decode()
    assert SECRET not in text
    assert [encoded[at : at + 24] for at in range(len(encoded) - 24) if encoded[at : at + 24] in text] == []


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="closed"),
        pytest.param((CUT_OFF,), id="cut-off"),
        pytest.param((http(200, b"{}"),), id="no-result"),
        pytest.param((http(200, b'{"Result": {}}'),), id="unknown-version"),
        pytest.param((http(400, b"plain text\n"),), id="plain-text"),
        pytest.param((http(404),), id="not-found"),
        pytest.param((http(503),), id="ends"),
    ],
)
def test_an_error_about_the_daemon_is_silent(node: Node, daemon: FakeDaemon, steps: Sequence[Step]) -> None:
    """S46: Multus' own shim adds all of standard input to such errors, which become events that anybody reads."""
    daemon.answers("/cni", *steps)
    conf = node.conf(kubeconfig=SECRET, delegates=[{"password": SECRET}], cniVersion="9", daemonTimeout=0.2)
    is_silent(shown(node.call("ADD", conf)), json.dumps(conf).encode())


@pytest.mark.parametrize("steps", [(http(500),), (b"garbage",)], ids=["not-ready", "no-http"])
def test_so_is_one_about_a_daemon_that_is_not_ready(node: Node, multus: FakeDaemon, steps: Sequence[Step]) -> None:
    """S46."""
    multus.answers("/readyz", *steps)
    conf = node.conf(kubeconfig=SECRET, daemonTimeout=0.2)
    is_silent(shown(node.call("ADD", conf)), json.dumps(conf).encode())


@pytest.mark.parametrize(
    ("keys", "behind"),
    [
        pytest.param({"cniDir": [SECRET]}, "", id="wrong-type"),
        pytest.param({"cniDir": f"/{SECRET}/" + "x" * 5000}, "", id="too-long"),
        pytest.param({"cniDir": f"/{SECRET}\0"}, "", id="nul"),
        pytest.param({}, "}", id="no-json"),
        pytest.param({"filler": "x" * 2**24}, "", id="above-the-limit"),
    ],
)
def test_an_error_about_the_configuration_is_silent(node: Node, keys: dict[str, object], behind: str) -> None:
    """S46."""
    stdin = (json.dumps(node.conf(token=SECRET, **keys)) + behind).encode()
    for verb in ("ADD", "DEL"):
        is_silent(shown(node.call(verb, stdin)), stdin[:10000])


@pytest.mark.parametrize("name", ["CNI_CONTAINERID", "CNI_IFNAME"])
def test_an_error_about_the_environment_is_silent(node: Node, name: str) -> None:
    """S46."""
    stdin = json.dumps(node.conf(token=SECRET)).encode()
    is_silent(shown(run(stdin, {"CNI_COMMAND": "DEL", "CNI_CONTAINERID": "a", name: "/"})), stdin)
