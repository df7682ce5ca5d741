"""libcni's result cache: the text of its files, and reading whole, old and torn ones (F12)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.cni.cache import CachedAttachment, decode, file_name

from .strategies import attempt, near, torn, values, words, written

WHOLE = CachedAttachment(
    network="net",
    container_id="cid1",
    ifname="eth0",
    config=b'{"cniVersion":"1.0.0","name":"net","type":"macvlan"}',
    netns="/run/netns/pod",
    args=(("IgnoreUnknown", "true"), ("K8S_POD_NAME", "pod")),
    capability_args={"portMappings": [{"hostPort": 80, "containerPort": 8080}], "ips": ["10.0.0.2"]},
    result={
        "routes": [{"gw": "10.0.0.1", "dst": "0.0.0.0/0"}],
        "cniVersion": "1.0.0",
        "interfaces": [{"sandbox": "/a&bé", "name": "eth0"}],
    },
)
TEXT = (
    '{"kind":"cniCacheV1","containerId":"cid1",'
    '"config":"eyJjbmlWZXJzaW9uIjoiMS4wLjAiLCJuYW1lIjoibmV0IiwidHlwZSI6Im1hY3ZsYW4ifQ==",'
    '"ifName":"eth0","networkName":"net","netns":"/run/netns/pod",'
    '"cniArgs":[["IgnoreUnknown","true"],["K8S_POD_NAME","pod"]],'
    '"capabilityArgs":{"ips":["10.0.0.2"],"portMappings":[{"hostPort":80,"containerPort":8080}]},'
    '"result":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/a\\u0026bé"}],'
    '"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]}}'
)
KEYS = ("kind", "containerId", "config", "ifName", "networkName", "netns", "cniArgs", "capabilityArgs", "result")


def changed(**keys: Any) -> bytes:
    return json.dumps({**json.loads(TEXT), **keys}).encode()


def test_a_file_is_written_as_libcni_writes_it() -> None:
    """F12.  Spec section 1.5: its keys in this order, base64, no blanks, the keys of the result sorted."""
    assert WHOLE.encode().decode() == TEXT


def test_a_file_of_libcni_is_read() -> None:
    """F12.  Spec section 1.5."""
    assert decode(TEXT.encode()) == WHOLE


def test_what_is_empty_is_left_out() -> None:
    """F12.  Spec section 1.5."""
    entry = CachedAttachment("net", "cid1", "eth0", b"{}")
    text = '{"kind":"cniCacheV1","containerId":"cid1","config":"e30=","ifName":"eth0","networkName":"net"}'
    assert entry.encode().decode() == text
    assert decode(text.encode()) == entry


def test_a_file_is_named_after_its_attachment() -> None:
    """F12.  Spec section 1.5."""
    assert WHOLE.file_name == file_name("net", "cid1", "eth0") == "net-cid1-eth0"


def test_keys_match_in_any_case() -> None:
    """Spec section 0, rule 1."""
    document = json.loads(TEXT)
    assert decode(json.dumps({key.upper(): value for key, value in document.items()}).encode()) == WHOLE


def test_keys_nobody_knows_are_ignored() -> None:
    """Spec section 0, rule 2."""
    assert decode(changed(extra={"a": 1})) == WHOLE


@pytest.mark.parametrize("key", [*KEYS[1:]])
def test_null_is_as_absent(key: str) -> None:
    """Spec section 0, rule 2."""
    absent = {name: value for name, value in json.loads(TEXT).items() if name != key}
    assert decode(changed(**{key: None})) == decode(json.dumps(absent).encode())


@pytest.mark.parametrize(
    "document",
    [
        {"cniVersion": "0.4.0", "ips": [{"address": "10.0.0.2/24", "interface": 9007199254740993}]},
        {"kind": "cniCacheV2", "containerId": "cid1", "networkName": "net"},
        {"kind": 7, "result": {}},
        {"kind": None},
        {},
    ],
)
def test_a_file_of_another_kind_is_a_bare_result(document: dict[str, object]) -> None:
    """F12.  Spec section 1.5: old libraries wrote nothing else."""
    assert decode(json.dumps(document).encode()) == CachedAttachment("", "", "", b"", result=document)


def test_a_file_torn_anywhere_is_no_cache_file() -> None:
    """F12.  Spec section 1.5."""
    read = [attempt(lambda cut=TEXT[:length]: decode(cut.encode()), ValueError) for length in range(len(TEXT))]
    assert {type(answer) for answer in read} <= {ValueError, json.JSONDecodeError}


@pytest.mark.parametrize("content", [b"[]", b"null", b"7", b'"x"', b"\0\0\0\0", b"\xff", TEXT.encode() + b"}"])
def test_what_is_no_object_is_no_cache_file(content: bytes) -> None:
    """F12, S32."""
    assert isinstance(attempt(lambda: decode(content), ValueError), ValueError)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[
            pytest.param(key, value, id=f"{key}-{value!r}")
            for key in ("containerId", "config", "ifName", "networkName", "netns")
            for value in (0, 7, False, [], {})
        ],
        *[pytest.param("config", value, id=f"config-{value!r}") for value in ("e30", "e3=0", "?", "é", "e30=\n")],
        *[
            pytest.param("cniArgs", value, id=f"cniArgs-{value!r}")
            for value in ("", {}, 0, False, ["a"], [["a"]], [["a", "b", "c"]], [["a", 1]], [None])
        ],
        *[
            pytest.param(key, value, id=f"{key}-{value!r}")
            for key in ("capabilityArgs", "result")
            for value in ("", "x", 0, False, [], ["x"])
        ],
    ],
)
def test_a_wrong_type_makes_it_no_cache_file(key: str, value: object) -> None:
    """F12, S32.  Spec section 0, rule 2."""
    content = changed(**{key: value})
    assert isinstance(attempt(lambda: decode(content), ValueError), ValueError)


maps = st.dictionaries(words, values, max_size=3)
pairs = st.lists(st.tuples(words, words), max_size=3).map(tuple)
entries = st.builds(
    CachedAttachment, words, words, words, st.binary(max_size=30), words, pairs, maps, st.none() | maps.filter(bool)
)


@settings(max_examples=60)
@given(entries)
def test_an_entry_survives_being_written_and_read(entry: CachedAttachment) -> None:
    """F12.  Spec section 1.5."""
    assert decode(entry.encode()) == entry


@given(torn | written(values | near(KEYS, st.just("cniCacheV1") | st.just([["a", "b"]]))))
def test_any_bytes_are_an_entry_or_a_value_error(content: bytes) -> None:
    """F12."""
    entry = attempt(lambda: decode(content), ValueError)
    if isinstance(entry, CachedAttachment):
        assert decode(replace(entry, result=None).encode()) == replace(entry, result=None)
