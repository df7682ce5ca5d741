"""Regular expressions of Go: understood as there, or refused."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import goregexp


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        (r"^net\.ipv4\.conf\.IFNAME\.[a-z_]+$", ["net.ipv4.conf.IFNAME.arp_filter"], ["net.ipv4.conf.all.arp_filter"]),
        (r"arp_(filter|notify)", ["net.ipv4.conf.IFNAME.arp_notify"], ["net.ipv4.conf.IFNAME.arp_ignore"]),
        ("net$", ["net", "x.net"], ["net\n", "nets"]),
        (r"\Anet\z", ["net"], ["net\n", "a net"]),
        ("(?i)NET", ["net", "Net"], ["nit"]),
        ("a(?i:NET)", ["anet"], ["Anet"]),
        ("^[[:alpha:]_]+$", ["net_x"], ["net4"]),
        ("^[^[:digit:].]+$", ["net"], ["net4", "net.x"]),
        ("^[+--]$", ["+", ",", "-"], [".", "a"]),
        (r"^[\d-z]$", ["4", "-", "z"], ["a"]),
        ("^[]a-]+$", ["]a-"], ["b"]),
        (r"^[\w.]+$", ["net.ipv4_x"], ["net/ipv4"]),
        ("^a{2}b{,3}c{1,}$", ["aab{,3}cc"], ["aabbcc", "aac"]),
        ("^a{$", ["a{"], ["a"]),
        (r"^\Qa.b*\E+$", ["a.b*", "a.b**"], ["aab"]),
        (r"^\x2e\x{2f}\056$", ["./."], ["abc"]),
        (r"^\s$", [" ", "\t"], ["\v"]),
        ("^(?P<of>net)(?<more>s)?(?:x)$", ["netx", "netsx"], ["net"]),
        ("^ab*?c??$", ["a", "abbc"], ["b"]),
        ("a||b", ["", "c"], []),
        ("^(a|b(c|d){2,3})*$", ["", "aa", "bcdabddd"], ["bc", "bcddd"]),
        (r"\bnet\B", ["nets", "a.nets"], ["net", "anets"]),
        ("^(a*)*$", ["", "aaa"], ["b"]),
        ("^a{0}b{2,}$", ["bb", "bbb"], ["ab", "b"]),
        (r"^\Qab\E+$", ["ab", "abb"], ["abab"]),
        ("^(?i:a)b.$", ["Abc"], ["aBc", "ab\n"]),
    ],
)
def test_a_pattern_means_what_it_means_in_go(pattern: str, found: list[str], missed: list[str]) -> None:
    compiled = goregexp.compile(pattern)
    assert [text for text in found + missed if compiled.search(text)] == found


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?>a)", "(?#x)", "a*+", "a++", "a**", "a{2}{3}", "a{1001}",
        "(", ")", "[a", "[", "*", "\\", r"\pL", r"\p{Greek}", r"\C", r"\Z", "(?m)^a$", "(?U)a*", "a(?i)b",
        "[[:^alpha:]]", "[[:nope:]]", r"[\s]", r"[a-\d]", "[z-a]", r"\x{110000}", r"\é", "(?P<a>b)(?P<a>c)",
    ],
)  # fmt: skip
def test_what_go_does_not_take_or_python_cannot_say_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        goregexp.compile(pattern)


@pytest.mark.parametrize(
    "pattern", ["(a+)+", "(a|a)*", "(a|aa)+", "(.*)*x", "a*a*a*a*a*a*a*a*a*a*", "(a?){50}a{200,}", "((a*)*b?)*"]
)
def test_no_pattern_takes_longer_than_pattern_and_text_are_long(pattern: str) -> None:
    """One that goes back and tries again would not come to an end in this world's time."""
    compiled = goregexp.compile(f"^{pattern}$")
    assert not compiled.search("a" * 256 + "!")
    assert compiled.search("a" * 256 + "x" * ("x" in pattern))


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "((a{100}){100}){2}", "(" * 5000 + ")" * 5000])
def test_what_would_be_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"more than 10000 characters|groups in groups"):
        goregexp.compile(pattern)


SIMPLE = st.recursive(
    st.sampled_from(["a", "b", ".", "[^a]", "^", "$", "\\b", "\\B", ""]),
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map("|".join).map("({})".format)
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "{0,2}?"])).map(
            lambda both: f"({both[0]}){both[1]}"
        )
    ),
    max_leaves=6,
)


@given(SIMPLE, st.text(alphabet="ab\n", max_size=6))
def test_what_is_found_is_what_pythons_own_finds(pattern: str, text: str) -> None:
    own = re.search(pattern.replace("$", "\\Z"), text, re.ASCII) is not None
    assert goregexp.compile(pattern).search(text) is own


@given(st.text())
def test_a_quoted_text_finds_itself(text: str) -> None:
    assert goregexp.compile("\\A" + re.escape(text).replace("\\\n", "\\x0a") + "\\z").search(text)


@given(st.text(alphabet="ab.-^$[](){}*+?|\\,:<>PQEidswxz019=!#&~ \n", max_size=12))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert goregexp.compile(text).search(text) in (True, False)
