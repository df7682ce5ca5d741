"""The bodies that shim and daemon exchange (F60).  Spec section 7.2."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import AttachmentError, Code, RequestError
from plurimus.cni.result import Interface, IPConfig, Result, Route
from plurimus.node import message
from plurimus.node.context import Outcome
from plurimus.node.message import InterfaceAttributes

RESULT = Result("0.4.0", (Interface("eth0", sandbox="/run/netns/<pod>"),), (IPConfig("10.0.0.2/24", 0),),
                (Route("0.0.0.0/0", "10.0.0.1"),))  # fmt: skip


def body(**keys: Any) -> bytes:
    return json.dumps(keys).encode()


def test_a_request_has_the_variables_and_the_configuration() -> None:
    """F60."""
    request, attributes = message.decode(body(env={"CNI_COMMAND": "ADD"}, config=base64.b64encode(b"{}").decode()))
    assert (request.env, request.stdin, request.spool) == ({"CNI_COMMAND": "ADD"}, b"{}", None)
    assert attributes == InterfaceAttributes()


@pytest.mark.parametrize("keys", [{}, {"env": None, "config": None, "interfaceAttributes": None}])
def test_what_is_missing_or_null_is_empty(keys: dict[str, None]) -> None:
    """F60: as Go writes it."""
    request, attributes = message.decode(body(**keys))
    assert (request.env, request.stdin, attributes) == ({}, b"", InterfaceAttributes())


def test_keys_ignore_case_and_unknown_ones_are_ignored() -> None:
    """F60, spec section 0."""
    request, _ = message.decode(b'{"ENV": {"a": "b"}, "Config": "e30=", "more": 1}')
    assert (request.env, request.stdin) == ({"a": "b"}, b"{}")


def test_the_attributes_of_a_hot_plugged_interface() -> None:
    """F61."""
    wanted = {"ips": ["10.0.0.2/24"], "mac": "02:00:00:00:00:01", "cni-args": {"x": [1]}}
    _, attributes = message.decode(body(interfaceAttributes=wanted))
    assert attributes == InterfaceAttributes(["10.0.0.2/24"], "02:00:00:00:00:01", {"x": [1]})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"env": {"a": 1}}', id="variable-number"),
        pytest.param(b'{"env": []}', id="env-list"),
        pytest.param(b'{"config": "e30"}', id="config-padding"),
        pytest.param(b'{"config": "e3 0="}', id="config-blank"),
        pytest.param(b'{"config": {}}', id="config-object"),
        pytest.param(b'{"interfaceAttributes": {"ips": "10.0.0.1"}}', id="ips-string"),
        pytest.param(b'{"interfaceAttributes": {"cni-args": []}}', id="cni-args-list"),
    ],
)
def test_a_malformed_body_is_refused(text: bytes) -> None:
    """F60: code 6."""
    with pytest.raises(RequestError) as caught:
        message.decode(text)
    assert caught.value.code == Code.DECODING_FAILURE


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("e30=")
values = st.recursive(leaves, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=3), v, max_size=2))
keys = st.sampled_from(["env", "config", "interfaceAttributes"])
inner = st.dictionaries(st.sampled_from(["ips", "mac", "cni-args", "CNI_COMMAND"]), values)


@given(
    st.dictionaries(keys, values | inner).map(lambda document: json.dumps(document).encode()) | st.binary(max_size=50)
)
def test_any_body_is_a_request_or_refused(text: bytes) -> None:
    try:
        request, attributes = message.decode(text)
    except RequestError:
        return
    assert all(isinstance(value, str) for value in (*request.env.values(), *attributes.ips, attributes.mac))
    assert isinstance(request.stdin, bytes)


def test_our_shim_gets_the_exact_output() -> None:
    """F60: the version asked for, four blanks, no newline at the end, `<` and `>` escaped."""
    answer = message.answer(Outcome(RESULT, "1.0.0"), ours=True)
    assert answer.body.startswith(b'{\n    "cniVersion": "1.0.0",\n    "interfaces": [')
    assert answer.body.endswith(b"}")
    assert b"\\u003cpod\\u003e" in answer.body
    assert (answer.status, answer.headers[message.EXIT_CODE]) == (200, "0")


def test_the_shim_of_multus_gets_1_1_0_under_result() -> None:
    """F60."""
    answer = message.answer(Outcome(RESULT, "0.3.1"), ours=False)
    assert json.loads(answer.body)["Result"]["cniVersion"] == "1.1.0"
    assert answer.headers["Content-Type"] == "application/json"
    assert message.EXIT_CODE not in answer.headers


@pytest.mark.parametrize("ours", [True, False])
def test_without_a_result_the_body_is_empty(ours: bool) -> None:
    """F60."""
    answer = message.answer(Outcome(), ours=ours)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers.get(message.EXIT_CODE) == ("0" if ours else None)


@pytest.mark.parametrize("ours", [True, False])
def test_a_refusal_is_the_error_object(ours: bool) -> None:
    """S20: 400, as the daemon of Multus answers; details only where there are any."""
    answer = message.refusal(AttachmentError("no uplink", details="eth9", code=50), ours=ours)
    assert answer.status == 400
    assert json.loads(answer.body) == {"code": 50, "msg": "no uplink", "details": "eth9"}
    assert answer.headers.get(message.EXIT_CODE) == ("1" if ours else None)
    assert "details" not in json.loads(message.refusal(AttachmentError("x"), ours=ours).body)
