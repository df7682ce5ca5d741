"""CNI_ARGS: read, written, and merged so that each key occurs once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.args import Pairs, format_args, merge_args, parse_args
from plurimus.cni.errors import RequestError

from .strategies import attempt

FROM_KUBELET = "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_INFRA_CONTAINER_ID=cid;K8S_POD_UID=uid"

words = st.text(st.characters(exclude_characters=";=", exclude_categories=["Cs"]), max_size=8)
pairs = st.lists(st.tuples(words.filter(bool), words), max_size=6).map(tuple)
few_keys = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("", "1", "2"))), max_size=6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param("A=1", (("A", "1"),), id="one"),
        pytest.param("B=2;A=1", (("B", "2"), ("A", "1")), id="order-is-kept"),
        pytest.param("A=", (("A", ""),), id="empty-value"),
        pytest.param("A=1;A=2", (("A", "1"), ("A", "2")), id="a-key-twice"),
        pytest.param("IgnoreUnknown=1;X=Y", (("IgnoreUnknown", "1"), ("X", "Y")), id="unknown-keys"),
        pytest.param("IP=10.0.0.1,fd00::1", (("IP", "10.0.0.1,fd00::1"),), id="list"),
    ],
)
def test_pairs_are_read_in_order(text: str, expected: Pairs) -> None:
    """Spec sections 4.7 and 6.1."""
    assert parse_args(text) == expected


def test_what_kubelet_sends_is_read_whole() -> None:
    """Spec section 6.1."""
    assert dict(parse_args(FROM_KUBELET)) == {
        "IgnoreUnknown": "1",
        "K8S_POD_NAMESPACE": "ns",
        "K8S_POD_NAME": "pod",
        "K8S_POD_INFRA_CONTAINER_ID": "cid",
        "K8S_POD_UID": "uid",
    }


@pytest.mark.parametrize("text", ["A", "A=1;B", "A==1", "A=1=2", "=1", "=", ";", "A=1;", ";A=1", "A=1;;B=2", "A:1"])
def test_a_pair_has_a_key_and_exactly_one_equals_sign(text: str) -> None:
    """Spec section 6.1."""
    with pytest.raises(RequestError, match="ARGS: invalid pair") as caught:
        parse_args(text)
    assert caught.value.code == 4


def test_the_pair_that_is_wrong_is_named() -> None:
    """Spec section 6.1."""
    with pytest.raises(RequestError, match=r"invalid pair 'b' \(number 2\)"):
        parse_args("a=1;b=2=3;c=4")
    with pytest.raises(RequestError, match="invalid pair number 3"):
        parse_args("a=1;b=2;c")


@given(pairs)
def test_pairs_survive_being_written_and_read(drawn: Pairs) -> None:
    """Spec section 4.7."""
    assert parse_args(format_args(drawn)) == drawn


@given(st.text(max_size=30) | st.text("aB;=,1", max_size=20))
def test_any_text_is_read_without_loss_or_refused_with_code_4(text: str) -> None:
    """Spec section 6.1."""
    read = attempt(lambda: parse_args(text), RequestError)
    assert read.code == 4 if isinstance(read, RequestError) else format_args(read) == text


@pytest.mark.parametrize(
    ("first", "more", "expected"),
    [
        pytest.param("a=1", "b=2", "a=1;b=2", id="appended"),
        pytest.param("a=1;b=2", "a=3", "a=1;b=2", id="first-wins"),
        pytest.param("a=;b=2", "a=3", "a=3;b=2", id="empty-is-filled-in-its-place"),
        pytest.param("a=1", "a=", "a=1", id="nothing-empties"),
        pytest.param("a=1;a=2", "", "a=1", id="once-within-the-first"),
        pytest.param("", "a=1;a=2", "a=1", id="once-within-the-second"),
        pytest.param("a=;a=2", "a=3", "a=2", id="filled-by-the-nearest"),
        pytest.param("a=", "", "a=", id="empty-stays"),
        pytest.param("", "", "", id="nothing"),
        pytest.param("A=1", "a=2", "A=1;a=2", id="case-counts"),
    ],
)
def test_merged_pairs_have_each_key_once(first: str, more: str, expected: str) -> None:
    """S36.  Spec section 4.7."""
    assert format_args(merge_args(parse_args(first), parse_args(more))) == expected


@given(few_keys, few_keys)
def test_merging_loses_no_key_and_takes_the_first_value_there_is(
    first: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    """S36."""
    both = first + more
    merged = merge_args(first, more)
    assert [key for key, _ in merged] == list(dict.fromkeys(key for key, _ in both))
    for key, value in merged:
        assert value == next((filled for other, filled in both if other == key and filled), "")
