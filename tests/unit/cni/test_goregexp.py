"""Regular expressions of Go: understood as there, or refused."""

from __future__ import annotations

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


@given(st.text())
def test_a_quoted_text_finds_itself(text: str) -> None:
    assert goregexp.compile("\\A" + re.escape(text).replace("\\\n", "\\x0a") + "\\z").search(text)


@given(st.text(alphabet="ab.-^$[](){}*+?|\\,:<>PQEidswxz019=!#&~ \n", max_size=12))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        compiled = goregexp.compile(text)
    except ValueError:
        return
    assert compiled.flags & re.ASCII
