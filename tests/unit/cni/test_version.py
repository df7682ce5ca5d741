"""The versions of the CNI specification: their order, the verbs they allow, and choosing among several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import RequestError
from plurimus.cni.version import CURRENT, OLDEST, SUPPORTED, negotiate, parse, require, supports

from .strategies import attempt

SEVEN = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")


def test_seven_versions_are_supported_and_announced_in_this_order() -> None:
    """F6.  Spec section 1.1."""
    assert SUPPORTED == SEVEN
    assert (OLDEST, CURRENT) == ("0.1.0", "1.1.0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.1.0", (1, 1, 0)),
        ("0.10.2", (0, 10, 2)),
        ("1.1", (1, 1, 0)),
        ("2", (2, 0, 0)),
        ("", (0, 1, 0)),
        ("01.0.0", (1, 0, 0)),
    ],
)
def test_missing_parts_are_zero_and_nothing_is_the_oldest_version(text: str, expected: tuple[int, int, int]) -> None:
    """Spec section 1.1."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text", ["1.0.0.0", "a", "1.x", "v1.0.0", "1..0", ".", "1.", "-1.0.0", "+1.0.0", " 1.0", "1.0\n", "١.0.0", "9" * 99]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    """Spec section 1.1."""
    with pytest.raises(ValueError, match="is no CNI version"):
        parse(text)


def test_versions_are_ordered_by_their_numbers() -> None:
    """Spec section 1.1."""
    assert sorted([*reversed(SEVEN), "0.10.0", "0.9.9"], key=parse) == [*SEVEN[:5], "0.9.9", "0.10.0", *SEVEN[5:]]


@pytest.mark.parametrize(
    ("verb", "since"),
    [
        ("ADD", "0.1.0"),
        ("DEL", "0.1.0"),
        ("VERSION", "0.1.0"),
        ("CHECK", "0.4.0"),
        ("GC", "1.1.0"),
        ("STATUS", "1.1.0"),
    ],
)
def test_a_verb_needs_the_version_that_brought_it(verb: str, since: str) -> None:
    """Spec section 1.2, verb gates."""
    assert [version for version in SEVEN if supports(version, verb)] == list(SEVEN[SEVEN.index(since) :])


def test_a_configuration_without_version_allows_what_the_oldest_does() -> None:
    """Spec sections 1.1 and 1.2."""
    assert [verb for verb in ("ADD", "DEL", "CHECK", "GC", "STATUS") if supports("", verb)] == ["ADD", "DEL"]


@pytest.mark.parametrize(("version", "expected"), [*((version, version) for version in SEVEN), ("", "0.1.0")])
def test_each_supported_version_is_taken_as_it_is(version: str, expected: str) -> None:
    """F6.  Spec section 1.1."""
    assert require(version) == expected


@pytest.mark.parametrize("version", ["1.2.0", "1.1", "1", "1.0.00", "v1.0.0", "1.0.0 ", "0.0.0", "latest"])
def test_any_other_version_is_incompatible_and_both_sides_are_named(version: str) -> None:
    """Spec section 1.1: equality of strings, no ranges."""
    with pytest.raises(RequestError) as caught:
        require(version)
    assert (caught.value.code, caught.value.msg) == (1, "incompatible CNI versions")
    assert f'config is "{version}"' in caught.value.details
    assert all(f'"{known}"' in caught.value.details for known in SEVEN)


@pytest.mark.parametrize(
    ("version", "offered", "expected"),
    [
        pytest.param("", ["0.4.0", "1.0.0"], "1.0.0", id="highest"),
        pytest.param("", ["1.0.0", "0.4.0"], "1.0.0", id="order-does-not-count"),
        pytest.param("1.0.0", ["0.4.0"], "1.0.0", id="own-version-counts-too"),
        pytest.param("0.4.0", ["1.1.0", "1.0.0"], "1.1.0", id="raised"),
        pytest.param("0.4.0", ["1.2.0", "2.0.0"], "0.4.0", id="all-too-new"),
        pytest.param("2.0.0", ["1.0.0"], "1.0.0", id="own-version-too-new"),
        pytest.param("", ["0.3.1", "99.0.0", "0.3.0"], "0.3.1", id="one-too-new"),
    ],
)
def test_the_highest_version_that_is_known_is_chosen(version: str, offered: list[str], expected: str) -> None:
    """F11.  Spec section 1.5."""
    assert negotiate(version, offered) == expected


@pytest.mark.parametrize("short", ["1", "1.0", "1.1", "0.4", "0.3", "0.2", "0.1"])
def test_of_two_spellings_of_the_highest_the_supported_one_is_chosen(short: str) -> None:
    """F11: the other one could not be used."""
    full = {"1": "1.0.0"}.get(short, f"{short}.0")
    assert negotiate(short, [full]) == negotiate(full, [short]) == negotiate("", [short, full]) == full


@pytest.mark.parametrize("version", ["", "2.0.0"])
def test_without_any_known_version_the_offered_ones_are_named(version: str) -> None:
    """F11."""
    with pytest.raises(ValueError, match=r"1\.2\.0") as caught:
        negotiate(version, ["1.2.0", "3.0.0"])
    assert "3.0.0" in str(caught.value)
    assert "1.1.0" in str(caught.value)
    assert "''" not in str(caught.value)


@pytest.mark.parametrize(("version", "offered"), [("", ["x"]), ("x", ["1.0.0"]), ("1.0.0", ["1.0.0.0"])])
def test_what_is_no_version_cannot_be_offered(version: str, offered: list[str]) -> None:
    """F11.  Spec section 1.5."""
    with pytest.raises(ValueError, match="is no CNI version"):
        negotiate(version, offered)


@given(
    st.lists(st.sampled_from((*SEVEN, "1.2.0", "3.0.0")), min_size=1).filter(lambda drawn: bool(set(drawn) & {*SEVEN}))
)
def test_the_choice_is_the_greatest_of_the_supported(offered: list[str]) -> None:
    """F11."""
    assert negotiate("", offered) == max((version for version in offered if version in SEVEN), key=SEVEN.index)


@given(st.text(max_size=12) | st.text("0123456789.", max_size=12))
def test_any_text_is_a_version_of_three_numbers_or_none(text: str) -> None:
    """Spec section 1.1."""
    read = attempt(lambda: parse(text), ValueError)
    assert isinstance(read, ValueError) or (len(read) == 3 and min(read) >= 0)
