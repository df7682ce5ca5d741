"""CNI errors: their codes, their wire form byte by byte, and reading what a plugin printed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import (
    AttachmentError,
    ClusterError,
    Code,
    ConfigError,
    PlurimusError,
    RequestError,
    decode_error,
    encode_error,
)

from .strategies import near, torn, values, written


def test_the_codes_are_those_of_the_specification() -> None:
    """Spec section 1.3."""
    assert {code.name: code.value for code in Code} == {
        "UNKNOWN": 0, "INCOMPATIBLE_VERSION": 1, "UNSUPPORTED_FIELD": 2, "UNKNOWN_CONTAINER": 3,
        "INVALID_ENVIRONMENT": 4, "IO_FAILURE": 5, "DECODING_FAILURE": 6, "INVALID_CONFIG": 7, "INVALID_NETNS": 8,
        "TRY_AGAIN_LATER": 11, "PLUGIN_NOT_AVAILABLE": 50, "LIMITED_CONNECTIVITY": 51, "INTERNAL": 999,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code"),
    [(PlurimusError, 999), (ConfigError, 7), (RequestError, 7), (ClusterError, 11), (AttachmentError, 999)],
)
def test_each_branch_has_a_code_unless_told(kind: type[PlurimusError], code: int) -> None:
    """Spec section 1.3."""
    assert kind("x").code == code
    assert kind("x", code=0).code == 0
    assert kind("x", code=Code.IO_FAILURE).code == 5


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(ConfigError("bad"), '{\n    "code": 7,\n    "msg": "bad"\n}', id="without-details"),
        pytest.param(
            AttachmentError("bad", details="more", code=123),
            '{\n    "code": 123,\n    "msg": "bad",\n    "details": "more"\n}',
            id="with-details",
        ),
        pytest.param(AttachmentError("", code=0), '{\n    "code": 0,\n    "msg": ""\n}', id="empty"),
        pytest.param(
            AttachmentError('a<b>&\u2028\x01\b\f\n\t"\\é\x7f', code=1),
            '{\n    "code": 1,\n    "msg": "a\\u003cb\\u003e\\u0026\\u2028\\u0001\\b\\f\\n\\t\\"\\\\é\x7f"\n}',
            id="escapes",
        ),
        pytest.param(AttachmentError("a\ud800b", code=1), '{\n    "code": 1,\n    "msg": "a?b"\n}', id="no-utf-8"),
    ],
)
def test_an_error_is_printed_as_the_reference_library_does(error: PlurimusError, text: str) -> None:
    """Spec section 1.3: 4 spaces, `details` only if there are any, no newline at the end."""
    assert encode_error(error).decode() == text


def test_an_error_reads_as_its_message_and_details() -> None:
    """Spec section 1.3."""
    assert str(ConfigError("bad")) == "bad"
    assert str(ConfigError("bad", details="more")) == "bad; more"


def test_a_subject_goes_before_the_message_and_changes_nothing_else() -> None:
    error = AttachmentError("failed", details="more", code=123)
    assert error.about("pod a/b: ") is error
    assert (error.msg, error.details, error.code) == ("pod a/b: failed", "more", 123)


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        pytest.param('{"code":7,"msg":"m","details":"d"}', (7, "m", "d"), id="whole"),
        pytest.param('{"cniVersion":"1.0.0","code":7,"msg":"m"}', (7, "m", ""), id="with-a-version"),
        pytest.param('\n{\n  "CODE": 111,\n  "Msg": "m"\n}\n', (111, "m", ""), id="any-case"),
        pytest.param('{"msg":"m"}', (0, "m", ""), id="without-code"),
        pytest.param('{"code":11}', (11, "", ""), id="without-message"),
        pytest.param('{"code":7,"msg":"m","details":null}', (7, "m", ""), id="null-leaves-the-default"),
        pytest.param('{"code":null,"msg":"m"}', (0, "m", ""), id="null-code"),
    ],
)
def test_what_a_plugin_printed_is_read(stdout: str, expected: tuple[int, str, str]) -> None:
    """Spec sections 0 and 1.3."""
    error = decode_error(stdout.encode())
    assert error is not None
    assert (error.code, error.msg, error.details) == expected


@pytest.mark.parametrize(
    "stdout",
    ["", " ", "panic: runtime error", "{", "{}", "[]", "null", "7", '"m"', '{"ips":[]}', '{"code":0,"msg":""}',
     '{"code":"7","msg":"m"}', '{"code":7.5,"msg":"m"}', '{"code":-7,"msg":"m"}', '{"code":true,"msg":"m"}',
     '{"code":7,"msg":["m"]}', '{"code":7,"msg":"m","details":{}}', '{"code":7,"msg":"m"} x'],
)  # fmt: skip
def test_anything_else_is_no_error_object(stdout: str) -> None:
    """Spec section 1.3."""
    assert decode_error(stdout.encode()) is None


@given(torn | written(values | near(("code", "CODE", "msg", "details"), st.integers() | st.just("m"))))
def test_any_output_is_an_error_object_or_none(stdout: bytes) -> None:
    """Spec section 1.3."""
    error = decode_error(stdout)
    assert error is None or (error.code >= 0 and bool(error.code or error.msg))


@given(st.integers(0, 2**32), st.text(max_size=20), st.text(max_size=20))
def test_an_error_survives_being_printed_and_read(code: int, msg: str, details: str) -> None:
    """Spec section 1.3: code and words of a plugin reach the runtime untouched."""
    printed = encode_error(AttachmentError(msg, details=details, code=code))
    error = decode_error(printed)
    assert json.loads(printed)["msg"] == msg
    assert (error is None) == (not code and not msg)
    assert error is None or (error.code, error.msg, error.details) == (code, msg, details)
