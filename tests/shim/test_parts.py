"""The shim's parts beside Python's: on anything valid both read the same."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plurimus.cni import args, gojson, result

from .parts import Parts

KEY = "daemonSocketDir"
spelled = st.tuples(*[st.sampled_from([c.lower(), c.upper()]) for c in KEY]).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(spelled | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
layouts = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, "\t"]),
     "separators": st.sampled_from([(",", ":"), (" ,\n", "\r : \t")])}
)  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return Parts(tmp_path_factory.mktemp("parts") / "parts.so")


@given(document=st.dictionaries(spelled | st.text(max_size=5), values, max_size=6), layout=layouts)
def test_a_key_is_found_as_the_daemon_finds_it(parts: Parts, document: dict[str, Any], layout: dict[str, Any]) -> None:
    """Spec section 0."""
    assume(all(key.isascii() or key.casefold() != KEY.casefold() for key in document))
    text = json.dumps(document, **layout).encode(errors="surrogatepass")
    found = parts.find(text, KEY)
    read = gojson.fold(document, [KEY])
    assert (found is not None) == (KEY in read)
    if found is not None:
        assert json.loads(found) == read[KEY]


@given(items=st.lists(values, max_size=6), layout=layouts)
def test_the_elements_of_a_list_are_found(parts: Parts, items: list[Any], layout: dict[str, Any]) -> None:
    text = json.dumps(items, **layout).encode(errors="surrogatepass")
    assert [json.loads(element) for element in parts.elements(text)] == items


@given(document=values, layout=layouts, cut=st.integers(0, 400))
def test_an_object_is_one_whole_object(parts: Parts, document: Any, layout: dict[str, Any], cut: int) -> None:
    """S5: only what is one is spooled."""
    text = f" {json.dumps(document, **layout)}\n".encode(errors="surrogatepass")
    assert parts.is_object(text) == isinstance(document, dict)
    assert not parts.is_object(text.rstrip()[: -1 - cut])
    assert not parts.is_object(text + text)


@given(value=st.text(), layout=layouts, room=st.integers(4, 200))
def test_a_string_is_read_with_its_escapes(parts: Parts, value: str, layout: dict[str, Any], room: int) -> None:
    text = json.dumps({"a": 1, KEY: value}, **layout).encode()
    answer, into = parts.string(text, KEY, room)
    if value == "":
        assert (answer, into) == (0, b"old")
    elif "\0" in value or len(json.dumps(value, **layout).encode()) >= room:
        assert (answer, into) == (-1, b"old")
    else:
        assert (answer, into.decode()) == (1, value)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (rb"\ud83c\udf89", "🎉"), (rb"\ud83c", "\ufffd"), (rb"\udf89", "\ufffd"), (rb"\ud83c\u0041", "\ufffdA"),
        (rb"\ud83cx", "\ufffdx"), (rb"\u00FC", "ü"), (rb"\uffff", "\uffff"),
    ],
)  # fmt: skip
def test_halves_of_pairs_are_replaced_as_go_does(parts: Parts, raw: bytes, read: str) -> None:
    answer, into = parts.string(b'{"a": "%s"}' % raw, "a")
    assert (answer, into.decode()) == (1, read)


@pytest.mark.parametrize("raw", [rb"\u12", rb"\u12g4", rb"\x", rb"\u0000", b"a\0b", rb"\'"])
def test_a_string_with_a_wrong_escape_is_not_read(parts: Parts, raw: bytes) -> None:
    assert parts.string(b'{"a": "%s"}' % raw, "a") == (-1, b"old")


@pytest.mark.parametrize("raw", [b"1", b"true", b"[]", b'{"a": "b"}', b"x"])
def test_what_is_no_string_is_not_read(parts: Parts, raw: bytes) -> None:
    assert parts.string(b'{"a": %s}' % raw, "a") == (-1, b"old")


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**40), 10**40))
def test_a_number_is_read_and_bounded(parts: Parts, value: float) -> None:
    """S38: `daemonTimeout`."""
    text = json.dumps({"a": value}).encode()
    long = len(json.dumps(value)) > 31
    expected = 5.0 if long or math.copysign(1, value) < 0 or value < 0.0 else min(value, 600.0)
    assert parts.number(text, "a", 5.0, 0.0, 600.0) == pytest.approx(float(expected))


@pytest.mark.parametrize("raw", [b"null", b'"1"', b"[1]", b"{}", b"true", b"nan", b"inf", b"1x", b"1 2", b".5", b"+1"])
def test_what_is_no_number_is_not_read(parts: Parts, raw: bytes) -> None:
    """S38."""
    assert parts.number(b'{"a": %s}' % raw, "a", 5.0, 0.0, 600.0) == 5.0


@given(data=st.binary(max_size=300))
def test_base64_is_that_of_python(parts: Parts, data: bytes) -> None:
    """Spec section 0."""
    assert parts.base64(data) == base64.b64encode(data)


@given(text=st.text())
def test_escaped_text_is_read_back(parts: Parts, text: str) -> None:
    assert json.loads(b'"' + parts.json(text.encode()) + b'"') == text


@given(data=st.binary(max_size=60))
def test_bytes_that_are_no_utf_8_are_replaced(parts: Parts, data: bytes) -> None:
    """S5: all else stays."""
    read = json.loads((b'"' + parts.json(data) + b'"').decode())
    assert read.replace("\ufffd", "") == data.decode(errors="ignore").replace("\ufffd", "")


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
def test_names_are_those_the_daemon_takes(parts: Parts, text: str) -> None:
    """S5: else a spooled DEL could never be paid.  Of interface names the shim takes the printable ASCII ones."""
    assert parts.is_container_id(text) == args.is_network_name(text)
    printable = all(" " < character <= "~" for character in text)
    assert parts.is_ifname(text) == (printable and not args.ifname_problem(text))


bodies = st.binary(max_size=60)


@given(status=st.integers(100, 599), body=bodies, exit_code=st.sampled_from([None, "0", "1"]), more=bodies)
def test_a_whole_answer_is_read(parts: Parts, status: int, body: bytes, exit_code: str | None, more: bytes) -> None:
    ours = "" if exit_code is None else f"pLURIMUS-eXIT: {exit_code}\r\n"
    head = f"HTTP/1.1 {status} Text\r\n{ours}Content-Length:{len(body)}\r\n\r\n".encode()
    assert parts.answer(head + body + more) == (status, -1 if exit_code is None else int(exit_code), body)


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=5), cut=st.integers(5, 400))
def test_a_chunked_answer_is_joined_and_never_taken_for_whole_when_cut(
    parts: Parts, pieces: list[bytes], cut: int
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    assert parts.answer(whole) == (200, -1, b"".join(pieces))
    assert parts.answer(whole[:-cut]) is None


ipv4 = st.ip_addresses(v=4).map(str)
ipv6 = st.ip_addresses(v=6).filter(lambda ip: ip.ipv4_mapped is None).map(str)
names = st.text("abc0", min_size=1, max_size=5)
numbers = st.integers(1, 9000)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of the fields, and with those that end in an underscore always."""
    always = {name[:-1]: value for name, value in fields.items() if name.endswith("_")}
    maybe = {name: value for name, value in fields.items() if not name.endswith("_")}
    return st.fixed_dictionaries(always, optional=maybe)


def few(*elements: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Go leaves out what is empty, so there is at least one."""
    return st.lists(st.one_of(elements), min_size=1, max_size=3)


results = some(
    cniVersion_=st.just("1.1.0"),
    interfaces=few(some(name_=names, mac=names, mtu=numbers, sandbox=names, pciID=names)),
    ips=few(
        some(address_=ipv4.map("{}/24".format), gateway=ipv4, interface=numbers),
        some(address_=ipv6.map("{}/64".format), gateway=ipv6, interface=numbers),
    ),
    routes=few(
        some(dst_=ipv4.map("{}/8".format), gw=ipv4, mtu=numbers, table=numbers),
        some(dst_=ipv6.map("{}/8".format), gw=ipv6, priority=numbers),
    ),
    dns=some(nameservers=few(ipv4), domain=names, search=few(names)).filter(bool),
)


@given(made=results, version=st.sampled_from(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]))
def test_a_result_is_converted_as_the_daemon_does(parts: Parts, made: dict[str, Any], version: str) -> None:
    """F7; spec section 1.4."""
    converted = parts.result(json.dumps(made, separators=(",", ":")).encode(), version)
    if version < "0.3" and "ips" not in made:
        assert converted == "cannot convert: no valid IP addresses"
    else:
        assert isinstance(converted, bytes)
        assert json.loads(converted) == json.loads(result.encode(result.parse(made, default_version=""), version))
