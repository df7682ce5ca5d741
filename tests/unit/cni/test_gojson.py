"""JSON as Go programs read and write it (spec section 0)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import gojson

from .strategies import attempt, torn, values, written

HUGE = [2**53 + 1, 2**63, 2**64 + 1, -(2**63) - 1, 10**40 + 7, 10**400 - 1]


class Inner(msgspec.Struct, frozen=True, rename="camel"):
    the_list: list[int] = msgspec.field(default_factory=lambda: [7])


class Outer(msgspec.Struct, frozen=True, rename="camel"):
    the_name: str = "default"
    flags: dict[str, bool] = {}
    free: dict[str, Any] = {}
    inner: Inner | None = None
    inners: list[Inner] = []


@pytest.mark.parametrize("number", HUGE)
def test_integers_are_exact_whatever_their_size(number: int) -> None:
    """Spec section 0, rule 3: fixed, a 64-bit float would round them."""
    text = f'{{"n":[{number}]}}'
    assert gojson.decode(text) == {"n": [number]}
    assert gojson.encode(gojson.decode(text)) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [("1e3", "1000"), ("1.0", "1"), ("-2.50e1", "-25"), ("1.5", "1.5"), ("1e-2", "0.01"), ("1e300", "1e+300")],
)
def test_a_whole_number_is_printed_as_one(text: str, printed: str) -> None:
    """Spec section 0, rule 3."""
    assert gojson.encode(gojson.decode(text)) == printed


@pytest.mark.parametrize(
    ("text", "because"),
    [
        *[
            pytest.param(text, "line 1 column", id=f"syntax-{text}")
            for text in ("", " ", "{", "[1,]", "{'a':1}", "nul", "[] []", "01", "\ufeff{}")
        ],
        pytest.param('"\n"', "Invalid control character", id="control-character"),
        *[pytest.param(text, f"{text} is no JSON", id=text) for text in ("NaN", "Infinity", "-Infinity")],
        pytest.param("1e999", "the number 1e999 is out of range", id="too-large"),
        pytest.param("[-1e999]", "the number -1e999 is out of range", id="too-small"),
        pytest.param("1" * 401, "a number has 401 digits", id="digits"),
        pytest.param("[" * 201 + "]" * 201, "nests deeper than 200 levels", id="lists"),
        pytest.param('{"a":' * 300 + "1" + "}" * 300, "nests deeper than 200 levels", id="objects"),
        pytest.param("[" * 100_000, "nests too deeply", id="brackets"),
    ],
)
def test_what_is_no_json_or_no_number_anyone_means_is_refused(text: str, because: str) -> None:
    for data in (text, text.encode()):
        with pytest.raises(ValueError, match=because):
            gojson.decode(data)


def test_json_is_utf_8() -> None:
    assert gojson.decode('"é"'.encode()) == "é"
    with pytest.raises(ValueError, match="utf-8"):
        gojson.decode(b'"\xff"')


def test_nesting_is_bounded_and_breadth_is_not() -> None:
    deep, broad = "[" * 200 + "]" * 200, f"[{','.join(['[]'] * 1000)}]"
    assert gojson.encode(gojson.decode(deep)) == deep
    assert gojson.encode(gojson.decode(broad)) == broad


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"a\udc00b"', "a\ufffdb"),
        (r'{"\ud800":["\udfff"]}', {"\ufffd": ["\ufffd"]}),
        (r'"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_half_a_character_is_replaced(text: str, expected: object) -> None:
    """No UTF-8 could carry it further."""
    assert gojson.decode(text) == expected
    assert json.loads(gojson.encode(gojson.decode(text)).encode()) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"b": 1, "a": {"d": [], "c": {}}}, '{"a":{"c":{},"d":[]},"b":1}', id="sorted-without-blanks"),
        pytest.param({"B": 1, "a": 2, "é": 3, "A": 4}, '{"A":4,"B":1,"a":2,"é":3}', id="by-code-point"),
        pytest.param("<a href='x'>&", r'''"\u003ca href='x'\u003e\u0026"''', id="html"),
        pytest.param({"<": ">"}, r'{"\u003c":"\u003e"}', id="html-in-keys"),
        pytest.param("\u2028\u2029", r'"\u2028\u2029"', id="line-separators"),
        pytest.param("é\U0001f600\x7f", '"é\U0001f600\x7f"', id="other-characters-stay"),
        pytest.param('"\\\b\f\n\r\t\x01', r'"\"\\\b\f\n\r\t\u0001"', id="control-characters"),
        pytest.param([None, True, False], "[null,true,false]", id="literals"),
    ],
)
def test_generic_objects_are_printed_as_go_prints_them(value: object, expected: str) -> None:
    """Spec section 0, rule 3."""
    assert gojson.encode(value) == expected
    assert gojson.decode(expected) == value


def test_an_indent_puts_each_member_on_a_line() -> None:
    assert gojson.encode({"b": [1], "a": {}}, indent=2) == '{\n  "a": {},\n  "b": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"loglevel": 1}, {"logLevel": 1}, id="lower"),
        pytest.param({"LOGLEVEL": 1}, {"logLevel": 1}, id="upper"),
        pytest.param({"logLevel": 1}, {"logLevel": 1}, id="exact"),
        pytest.param({"LogLevel": 1, "loglevel": 2}, {"logLevel": 2}, id="the-last-spelling-counts"),
        pytest.param({"Other": 1, "other": 2}, {"Other": 1, "other": 2}, id="unknown-keys-are-left-alone"),
        pytest.param({"log_level": 1, "logLevel ": 2}, {"log_level": 1, "logLevel ": 2}, id="close-is-not-the-same"),
        pytest.param({}, {}, id="empty"),
    ],
)
def test_known_keys_match_in_any_case(value: dict[str, int], expected: dict[str, int]) -> None:
    """Spec section 0, rule 1."""
    assert gojson.fold(value, ("logLevel", "name")) == expected


@pytest.mark.parametrize(
    ("value", "name"),
    [([], "a list"), ("x", "a string"), (True, "a boolean"), (None, "null"), (1, "a number"), (1.5, "a number")],
)
def test_what_is_no_object_is_refused_by_its_name(value: object, name: str) -> None:
    with pytest.raises(ValueError, match=f"expected a JSON object, got {name}"):
        gojson.fold(value, ("a",))
    with pytest.raises(ValueError, match=f"expected a JSON object, got {name}"):
        gojson.decode_object(json.dumps(value))
    assert gojson.kind({}) == "an object"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({}, Outer(), id="defaults"),
        pytest.param({"theName": None, "flags": None, "inner": None}, Outer(), id="null-leaves-the-default"),
        pytest.param({"flags": {"a": True, "b": None}}, Outer(flags={"a": True}), id="null-in-a-map-too"),
        pytest.param({"free": {"a": None}}, Outer(free={"a": None}), id="null-where-anything-goes-stays"),
        pytest.param({"THENAME": "x", "unknown": 1}, Outer("x"), id="any-case-and-unknown-keys"),
        pytest.param({"inner": {"THELIST": []}}, Outer(inner=Inner([])), id="a-list-replaces-the-default"),
        pytest.param({"inners": [{"thelist": [1]}, {}]}, Outer(inners=[Inner([1]), Inner()]), id="inside-lists"),
        pytest.param({"inner": {"theList": [2**60]}}, Outer(inner=Inner([2**60])), id="exact-integers"),
    ],
)
def test_objects_are_read_with_gos_rules(document: object, expected: Outer) -> None:
    """Spec section 0, rules 1 to 3."""
    assert gojson.convert(document, Outer) == expected


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"theName": 1}, "$.theName"),
        ({"THENAME": False}, "$.theName"),
        ({"flags": {"a": 1}}, "$.flags[...]"),
        ({"flags": []}, "$.flags"),
        ({"inner": {"theList": [1, "x"]}}, "$.inner.theList[1]"),
        ({"inner": {"theList": [True]}}, "$.inner.theList[0]"),
        ({"inners": [{}, None]}, "$.inners[1]"),
    ],
)
def test_a_wrong_type_is_an_error_that_names_the_path(document: object, path: str) -> None:
    """Spec section 0, rule 2."""
    with pytest.raises(ValueError, match=r"Expected .*, got .* - at ") as caught:
        gojson.convert(document, Outer)
    assert str(caught.value).endswith(f"`{path}`")


@given(values)
def test_any_value_survives_being_printed_and_read(value: object) -> None:
    assert gojson.decode(gojson.encode(value)) == value
    assert gojson.encode(gojson.decode(gojson.encode(value))) == gojson.encode(gojson.decode(json.dumps(value)))


@given(torn | written(values))
def test_any_bytes_are_json_or_a_value_error(data: bytes) -> None:
    value = attempt(lambda: gojson.decode(data), ValueError)
    assert isinstance(value, ValueError) or gojson.decode(gojson.encode(value)) == value


@given(st.integers())
def test_any_integer_is_exact(number: int) -> None:
    """Spec section 0, rule 3."""
    assert gojson.decode(str(number)) == number
    assert gojson.encode(number) == str(number)


@given(values)
def test_any_value_converts_or_is_a_value_error(value: object) -> None:
    for document in (value, {"theName": value}, {"inner": value}, {"inners": [value]}, {"flags": value}):
        read = attempt(lambda document=document: gojson.convert(document, Outer), ValueError)
        assert isinstance(read, Outer | ValueError)
