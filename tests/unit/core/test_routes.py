"""Who owns the default route, per address family (F38, F89, S1, S2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import RequestError
from plurimus.cni.result import Result, Route
from plurimus.core.routes import Claim, RouteChange, changes, check_claims, edited

from .builders import delegate, make

V4, V6 = Route("0.0.0.0/0", "10.0.0.1"), Route("::/0", "fd00::1")
LINK4, LINK6, LOCAL = Route("0.0.0.0/0"), Route("::/0"), Route("10.0.0.0/8", "10.0.0.2")
GONE4, GONE6 = RouteChange(4), RouteChange(6)
KEPT4, KEPT6 = RouteChange(4, ("10.0.0.1",), keep=True), RouteChange(6, ("fd00::1",), keep=True)


def result(*routes: Route) -> Result:
    return Result("1.0.0", routes=routes)


BOTH = result(V4, V6)


@pytest.mark.parametrize(
    ("claims", "results", "expected"),
    [
        pytest.param([None, None], [BOTH, BOTH], [[], []], id="nobody-asks"),
        pytest.param(
            [None, ("10.9.0.1",)], [BOTH, BOTH], [[GONE4], [RouteChange(4, ("10.9.0.1",))]], id="S2-v4-leaves-v6"
        ),
        pytest.param(
            [None, ("fd09::1",)], [BOTH, BOTH], [[GONE6], [RouteChange(6, ("fd09::1",))]], id="S2-v6-leaves-v4"
        ),
        pytest.param(
            [None, ("fd09::1", "10.9.0.1"), None],
            [BOTH, result(), BOTH],
            [[GONE4, GONE6], [RouteChange(4, ("10.9.0.1",)), RouteChange(6, ("fd09::1",))], [GONE4, GONE6]],
            id="both-families-on-one",
        ),
        pytest.param(
            [("10.9.0.1",), ("fd09::1",)],
            [BOTH, BOTH],
            [[RouteChange(4, ("10.9.0.1",)), GONE6], [GONE4, RouteChange(6, ("fd09::1",))]],
            id="a-family-each",
        ),
        pytest.param([None, ()], [BOTH, BOTH], [[GONE4, GONE6], [KEPT4, KEPT6]], id="S2-empty-list-keeps-its-own"),
        pytest.param([None, ()], [BOTH, result(LINK4)], [[GONE4], []], id="S2-empty-list-owns-only-what-it-has"),
        pytest.param([None, ()], [BOTH, result(LOCAL)], [[], []], id="S2-empty-list-without-a-default-owns-nothing"),
        pytest.param(
            [None, (), ("10.9.0.1",)],
            [BOTH, BOTH, BOTH],
            [[GONE4, GONE6], [GONE4, KEPT6], [RouteChange(4, ("10.9.0.1",)), GONE6]],
            id="a-gateway-wins-over-an-empty-list",
        ),
        pytest.param(
            [("10.9.0.1",), None], [BOTH, BOTH], [[RouteChange(4, ("10.9.0.1",))], [GONE4]], id="default-network-asks"
        ),
        pytest.param(
            [None, ("::ffff:10.9.0.1",)],
            [BOTH, BOTH],
            [[GONE4], [RouteChange(4, ("::ffff:10.9.0.1",))]],
            id="mapped-address-is-v4",
        ),
    ],
)
def test_changes(claims: list[Claim], results: list[Result], expected: list[list[RouteChange]]) -> None:
    assert changes(claims, results) == expected


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param([("10.0.0.1", "10.0.0.2")], id="two-v4-on-one"),
        pytest.param([("10.0.0.1",), ("10.0.0.2",)], id="two-v4-on-two"),
        pytest.param([("10.0.0.1",), None, ("10.0.0.1",)], id="the-same-gateway-twice"),
        pytest.param([("10.0.0.1", "fd00::1"), ("fd00::2",)], id="two-v6"),
        pytest.param([("10.0.0.1", "::ffff:10.0.0.2")], id="mapped-address-is-v4"),
    ],
)
def test_two_gateways_of_a_family_are_refused(claims: list[Claim]) -> None:
    """F89, F90: tools search for this text."""
    with pytest.raises(RequestError, match="multus does not support ECMP for default-route"):
        check_claims(claims)


def test_two_empty_lists_are_refused() -> None:
    """S2: only one attachment can keep the default routes of its plugins."""
    with pytest.raises(RequestError, match="only one can own the default route"):
        check_claims([(), None, ()])


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param([None, None], id="nothing"),
        pytest.param([("10.0.0.1", "fd00::1")], id="one-of-each-family"),
        pytest.param([("10.0.0.1",), ("fd00::1",)], id="one-of-each-family-apart"),
        pytest.param([("10.0.0.1",), ()], id="a-gateway-and-an-empty-list"),
    ],
)
def test_one_owner_per_family_is_accepted(claims: list[Claim]) -> None:
    """F89."""
    check_claims(claims)


def test_a_plan_with_two_gateways_is_refused() -> None:
    """F89: before any delegate runs."""
    wants = {"default-route": ["10.0.0.1"]}
    with pytest.raises(RequestError, match="ECMP"):
        make(delegate("a", wants=wants), delegate("b", wants=wants))


@pytest.mark.parametrize(
    ("before", "made", "after"),
    [
        pytest.param([V4, LOCAL], [], [V4, LOCAL], id="nothing-made"),
        pytest.param([V4, V6, LOCAL], [GONE4], [V6, LOCAL], id="v4-gone"),
        pytest.param([V4, V6, LOCAL], [GONE6], [V4, LOCAL], id="S43-v6-gone"),
        pytest.param([LINK4, LINK6], [GONE4, GONE6], [], id="routes-without-a-gateway-too"),
        pytest.param([V4], [RouteChange(4, ("10.9.0.1",))], [Route("0.0.0.0/0", "10.9.0.1")], id="v4-replaced"),
        pytest.param([LOCAL], [RouteChange(6, ("fd09::1",))], [LOCAL, Route("::/0", "fd09::1")], id="S43-v6-added"),
        pytest.param([V4, LINK6], [KEPT4, KEPT6], [V4, LINK6], id="S2-kept"),
    ],
)
def test_results_say_what_is_true_after_the_changes(
    before: list[Route], made: list[RouteChange], after: list[Route]
) -> None:
    """F38, S22: caches and network status are written from the edited result."""
    assert list(edited(result(*before), made).routes) == after


def test_the_rest_of_an_edited_result_stays() -> None:
    before = Result("0.4.0", routes=(V4,))
    assert edited(before, [GONE4]) == Result("0.4.0")


gateways = st.lists(st.sampled_from(["10.0.0.1", "fd00::1"]), unique=True).map(tuple)
attachments = st.lists(
    st.tuples(st.none() | gateways, st.lists(st.sampled_from([V4, V6, LINK4, LOCAL]))), min_size=1, max_size=5
)


@given(attachments)
def test_an_owned_family_ends_with_one_owner(drawn: list[tuple[Claim, list[Route]]]) -> None:
    """S1, S2: if a family was asked for, one attachment has its default routes; else nothing changed."""
    claims, results = [claim for claim, _ in drawn], [result(*routes) for _, routes in drawn]
    try:
        check_claims(claims)
    except RequestError:
        return
    after = [edited(res, made) for res, made in zip(results, changes(claims, results), strict=True)]
    for family, gateway in ((4, "10.0.0.1"), (6, "fd00::1")):
        before_owners = [any(r.default_family() == family for r in res.routes) for res in results]
        owners = [any(r.default_family() == family for r in res.routes) for res in after]
        named = [gateway in (claim or ()) for claim in claims]
        if any(named):
            assert owners == named
        elif any(claim == () and had for claim, had in zip(claims, before_owners, strict=True)):
            assert owners == [claim == () for claim in claims]
        else:
            assert owners == before_owners
