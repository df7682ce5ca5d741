"""Who may have a node's certificate, when it is renewed, and how long it is asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import ConfigError
from plurimus.core import certificates
from plurimus.model.signing import GROUP, USAGES, Certificate, SigningRequest, Subject, user

NODES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?){0,2}", fullmatch=True)
PREFIXES = st.sampled_from(["system:node", GROUP])
GROUPS = st.lists(st.sampled_from(["system:nodes", GROUP, "system:authenticated"]), unique=True)
WORDS = st.text(max_size=30)


def request(node: str = "node-1", prefix: str = "system:node", **changes: Any) -> SigningRequest:
    """What a node's daemon asks for, but for `changes`."""
    right = SigningRequest(
        subject=Subject((user(node),), (GROUP,)),
        username=f"{prefix}:{node}",
        groups=("system:nodes", "system:authenticated"),
        usages=USAGES,
        seconds=600,
    )
    return msgspec.structs.replace(right, **changes)


@given(NODES, PREFIXES, GROUPS, st.permutations(USAGES), st.integers(1, certificates.LONGEST))
def test_a_node_gets_a_certificate_of_its_own(
    node: str, prefix: str, groups: list[str], usages: list[str], seconds: int
) -> None:
    """F77: asked for by its kubelet or by its daemon, whatever the order of words."""
    asked = request(node, prefix, groups=tuple(groups), usages=tuple(usages), seconds=seconds)
    assert certificates.concerns(asked)
    assert certificates.refusal(asked) == ""


@given(NODES, NODES, PREFIXES)
def test_a_node_gets_nobody_elses(node: str, other: str, prefix: str) -> None:
    """F77."""
    asked = request(node, prefix, subject=Subject((user(other),), (GROUP,)))
    assert (certificates.refusal(asked) == "") == (node == other)


@given(WORDS, NODES)
def test_whoever_is_no_node_gets_none(username: str, node: str) -> None:
    """F77: but for a kubelet's or a daemon's, no user's request is approved, however it is called."""
    for name in (username, f"{username}:{node}", f"system:node:{node}:{username}", f"{username}system:node:{node}"):
        prefix, _, last = name.rpartition(":")
        if prefix not in ("system:node", GROUP) or last != node:
            assert "may not ask" in certificates.refusal(request(node, username=name))


@given(
    st.lists(st.sampled_from(["digital signature", "client auth", "server auth", "any"]), max_size=4),
    st.one_of(st.none(), st.integers(-5, 5), st.integers(certificates.LONGEST - 2, certificates.LONGEST + 2)),
    st.lists(st.one_of(st.just(GROUP), WORDS), max_size=2),
    st.lists(st.sampled_from(["system:nodes", "system:masters", "staff"]), max_size=2),
)
def test_a_request_is_refused_exactly_where_it_asks_for_more(
    usages: list[str], seconds: int | None, organizations: list[str], groups: list[str]
) -> None:
    """F77: usages, duration, organization and the groups of who asks."""
    asked = request(
        usages=tuple(usages),
        seconds=seconds,
        subject=Subject((user("node-1"),), tuple(organizations)),
        groups=tuple(groups),
    )
    right = (
        sorted(usages) == sorted(USAGES)
        and seconds is not None
        and 0 < seconds <= certificates.LONGEST
        and organizations == [GROUP]
        and set(groups) <= {"system:nodes"}
    )
    assert (certificates.refusal(asked) == "") == right


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"username": "system:node:Node_1"}, "may not ask", id="no-dns-name"),
        pytest.param({"username": "system:node:"}, "may not ask", id="no-name"),
        pytest.param({"username": f"system:node:{'a' * 254}"}, "may not ask", id="too-long"),
        pytest.param({"groups": ("system:masters",)}, "also in group 'system:masters'", id="group"),
        pytest.param(
            {"subject": Subject((user("node-1"), user("node-1")), (GROUP,))}, "the common name is", id="two-names"
        ),
        pytest.param(
            {"subject": Subject((user("node-1"),), (GROUP, "system:masters"))}, "the organization is", id="masters"
        ),
        pytest.param({"subject": Subject((user("node-1"),), (GROUP,), ("2.5.29.17",))}, "2.5.29.17", id="more-names"),
        pytest.param({"usages": ("client auth",)}, "the usages are 'client auth'", id="usages"),
        pytest.param({"seconds": None}, "expirationSeconds is not set", id="for-ever"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_was_expected(changes: dict[str, Any], words: str) -> None:
    """F77, S42: it is what a person reads in the request's condition."""
    text = certificates.refusal(request(**changes))
    assert words in text
    assert "expected" in text or "asks for more" in text


@pytest.mark.parametrize("names", [(), ("somebody",), ("multus",), ("System:Multus:node-1",)])
def test_requests_for_others_are_not_the_approvers_business(names: tuple[str, ...]) -> None:
    """F77: it would be wrong to deny them."""
    assert not certificates.concerns(request(subject=Subject(names, (GROUP,))))


@given(st.floats(0, 1), st.integers(0, 2**32), st.integers(1, certificates.LONGEST))
def test_a_certificate_is_renewed_when_two_to_three_tenths_of_its_life_are_left(
    chance: float, begins: int, life: int
) -> None:
    """F76."""
    when = certificates.renewal(Certificate("", float(begins), float(begins + life)), chance)
    assert begins + 0.699 * life <= when <= begins + 0.801 * life


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("600s", 600), ("1h30m", 5400), ("1.5h", 5400), ("24h0m0s", 86400), ("8760h", 31536000),
     ("600000ms", 600), ("10m500ms", 600)],
)  # fmt: skip
def test_a_duration_is_written_as_in_multus_file(text: str, seconds: int) -> None:
    """F76; spec section 2.7."""
    assert certificates.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10 m", "-10m", "1d", "ten", "9m59s", "8761h", "10m.", "10mx"])
def test_what_is_no_duration_or_none_the_api_takes_is_refused(text: str) -> None:
    """F76."""
    with pytest.raises(ConfigError, match=r"'perNodeCertificate.certDuration' is .*, expected a duration like 10m"):
        certificates.seconds(text)
