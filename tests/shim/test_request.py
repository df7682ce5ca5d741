"""What the shim asks the daemon: the bodies, byte by byte."""

from __future__ import annotations

import base64
import json

import pytest

from .fake import FakeDaemon
from .runtime import ENV, PATIENCE, Node, run

VERBS = ("ADD", "CHECK", "STATUS", "GC", "DEL")


def body(env: dict[str, str], stdin: bytes) -> bytes:
    """The request as spec section 7.2 has it, in the order of the environment."""
    document = {"env": env, "config": base64.b64encode(stdin).decode()}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("verb", VERBS)
def test_the_body_is_the_cni_environment_and_standard_input(node: Node, daemon: FakeDaemon, verb: str) -> None:
    """F60; spec section 7.2."""
    stdin = json.dumps(node.conf()).encode()
    env = {"CNI_COMMAND": verb, **ENV}
    run(stdin, {"PATH": "/bin", "TOKEN": "secret", **env, "XCNI_A": "1", "CNI": "2"}).printed()
    asked = daemon.cni
    assert (asked.method, asked.body) == ("POST", body(env, stdin))
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Plurimus-Shim"] == "1"


@pytest.mark.parametrize("verb", VERBS)
def test_our_daemon_is_asked_without_a_probe(node: Node, ours: FakeDaemon, verb: str) -> None:
    """F60."""
    node.call(verb).printed()
    assert ours.paths() == ["/cni/now"]


@pytest.mark.parametrize("verb", VERBS)
def test_multus_is_asked_for_readiness_first_and_del_wants_only_life(node: Node, multus: FakeDaemon, verb: str) -> None:
    """F62; spec section 7.3: DEL works while a daemon is stopping."""
    node.call(verb).printed()
    assert multus.paths() == ["/healthz" if verb == "DEL" else "/readyz", "/cni"]
    assert multus.asked[0].method == "POST"


@pytest.mark.parametrize("verb", VERBS)
def test_the_trace_of_a_request_goes_with_it(node: Node, daemon: FakeDaemon, verb: str) -> None:
    """OpenTelemetry's carrier for programs; of the rest of the environment nothing."""
    trace = {"TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "TRACESTATE": 'a="1"'}
    stdin = json.dumps(node.conf()).encode()
    run(stdin, {"CNI_COMMAND": verb, **ENV, **trace, "TRACEPARENTS": "1", "XTRACESTATE": "2"}).printed()
    assert daemon.cni.env == {"CNI_COMMAND": verb, **ENV, **trace}


@pytest.mark.parametrize("env", [{}, {"CNI_EMPTY": ""}, {"CNI_A": "b=c=d"}])
def test_any_environment_is_passed_on(node: Node, daemon: FakeDaemon, env: dict[str, str]) -> None:
    run(json.dumps(node.conf()).encode(), {"CNI_COMMAND": "STATUS", **env})
    assert daemon.cni.env == {"CNI_COMMAND": "STATUS", **env}


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param(b'"\\/', '"\\/', id="quotes-and-backslash"),
        pytest.param(bytes(range(1, 32)) + b"\x7f", "".join(map(chr, range(1, 32))) + "\x7f", id="control"),
        pytest.param("Grüße, 世界 🎉".encode(), "Grüße, 世界 🎉", id="utf-8"),
        pytest.param(b"\xff\xfea", "\ufffd\ufffda", id="no-utf-8"),
        pytest.param(b"a\xe4\xb8", "a\ufffd\ufffd", id="cut-off"),
        pytest.param(b"\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", "\ufffd" * 9, id="overlong-surrogate-out-of-range"),
    ],
)
def test_any_bytes_in_the_environment_make_valid_json(node: Node, daemon: FakeDaemon, value: bytes, read: str) -> None:
    """S5: else the daemon could not read a DEL that was spooled.  Bytes that are no UTF-8 are replaced as Go does."""
    usual = {name.encode(): text.encode() for name, text in ENV.items()}
    run(json.dumps(node.conf()).encode(), {b"CNI_COMMAND": b"DEL", **usual, b"CNI_ARGS": value}).printed()
    assert daemon.cni.env == {"CNI_COMMAND": "DEL", **ENV, "CNI_ARGS": read}


@pytest.mark.parametrize("stdin", [b"", b"null", b"{", b"[1]", b'{"name": tru', b"\xff\x00\x01", b'"', b'{"a":"\\'])
def test_standard_input_that_is_no_json_is_the_daemons_to_judge(node: Node, daemon: FakeDaemon, stdin: bytes) -> None:
    """The shim finds what it can and passes on what it got."""
    head = json.dumps(node.conf())[:-1].encode() + b", "
    node.call("ADD", head + stdin)
    assert daemon.cni.stdin == head + stdin


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param('"daemonsocketdir": "{0}"', id="lower-case"),
        pytest.param('"DAEMONSOCKETDIR": "{0}"', id="upper-case"),
        pytest.param('"daemonSocketDir": "/nowhere", "daemonSocketDir": "{0}"', id="last-of-two"),
        pytest.param('"daemonSocketDir": "/nowhere", "DaemonSocketDir": "{0}"', id="last-of-two-spellings"),
        pytest.param('"daemonSocketDir": "{0}", "a": {{"daemonSocketDir": "/nowhere"}}', id="not-inside-objects"),
        pytest.param('"a": ["daemonSocketDir", "}}"], "daemonSocketDir" : "{0}"', id="not-inside-lists"),
        pytest.param('"a": "\\"daemonSocketDir\\": \\\\", "daemonSocketDir":"{0}"', id="not-inside-strings"),
        pytest.param('\n\t"daemonSocketDir"\r\n:\t"{0}" ', id="blanks"),
        pytest.param('"daemonSocketDir": "{1}"', id="escapes"),
    ],
)
def test_the_socket_is_found_as_go_finds_keys(node: Node, daemon: FakeDaemon, keys: str) -> None:
    """Spec section 0: keys match without regard to case, the last one counts."""
    folder = str(node.sockets)
    escaped = folder.replace("/", "\\/").replace("s", "\\u0073").replace("t", "\\u0074")
    stdin = "{" + keys.format(folder, escaped) + "}"
    node.call("CHECK", stdin.encode()).printed()
    assert daemon.cni.stdin == stdin.encode()


def test_a_folder_may_have_any_name(node: Node) -> None:
    """Encoders escape what they like: `&` and everything beyond ASCII."""
    node.patience = PATIENCE / 2
    folder = node.folder / 'a&b "c" ü🎉'
    with FakeDaemon(folder) as daemon:
        conf = json.dumps(node.conf(daemonSocketDir=str(folder))).replace("&", "\\u0026")
        node.call("CHECK", conf.encode()).printed()
        assert daemon.paths() == ["/cni/now"]


def test_ten_megabytes_of_configuration_are_passed_on(node: Node, daemon: FakeDaemon) -> None:
    conf = node.conf(filler="x" * 10 * 2**20)
    node.call("ADD", conf).printed()
    assert daemon.cni.stdin == json.dumps(conf).encode()
