"""What is leaked and what may live, by the words of those who know (decision 28)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core.leaks import Fate, Held, Namespace, Place, Words, judge

GRACE = 300.0
IDS = (*(digit * 64 for digit in "abc"), "by-hand")
POD = "default/pod"
HELD = Held("lease", "10.0.0.2", "/leases", IDS[0], "eth0", age=GRACE)
NOBODY = Words(listed=())


def fate(held: Held = HELD, words: Words = NOBODY) -> Fate:
    return judge(held, words, grace=GRACE).fate


def test_what_the_runtime_does_not_list_is_leaked() -> None:
    assert fate() is Fate.LEAKED


@pytest.mark.parametrize(
    "words",
    [
        Words(listed=[IDS[0]]),
        Words(listed=(), busy=[IDS[0]]),
        Words(listed=(), recorded={IDS[0]: Namespace.THERE}),
        Words(listed=None, silent="no answer", recorded={IDS[0]: Namespace.THERE}),
    ],
    ids=["listed", "busy", "namespace", "namespace-of-a-silent-runtime"],
)
def test_who_lives_by_one_word_keeps_what_it_has(words: Words) -> None:
    assert fate(words=words) is Fate.LIVES


def test_a_recorded_sandbox_whose_namespace_is_gone_needs_no_other_word_where_there_is_no_runtime() -> None:
    assert fate(replace(HELD, age=0), Words(listed=None, recorded={IDS[0]: Namespace.GONE})) is Fate.LEAKED


@pytest.mark.parametrize(
    ("held", "words", "why"),
    [
        (HELD, Words(listed=None, silent="it is away"), "it is away"),
        (HELD, Words(listed=None, silent="it is away", recorded={IDS[0]: Namespace.GONE}), "it is away"),
        (HELD, Words(listed=None), "no socket"),
        (replace(HELD, container_id="by-hand"), NOBODY, "not called as"),
        (replace(HELD, age=GRACE - 1), NOBODY, "just begun"),
        (replace(HELD, age=None), NOBODY, "just begun"),
        (replace(HELD, age=-1e9), NOBODY, "just begun"),
        (replace(HELD, namespace=Namespace.THERE), NOBODY, "namespace is there"),
        (replace(HELD, pod=POD), NOBODY, "does not tell where pod default/pod is"),
        (replace(HELD, pod=POD), replace(NOBODY, pods={POD: Place.UNKNOWN}), "does not tell where"),
    ],
)
def test_what_nobody_can_speak_for_is_kept_with_the_reason(held: Held, words: Words, why: str) -> None:
    verdict = judge(held, words, grace=GRACE)
    assert (verdict.fate, why in verdict.why) == (Fate.KEPT, True), verdict


@pytest.mark.parametrize(
    ("place", "expected"),
    [(Place.HERE, Fate.LIVES), (Place.ELSEWHERE, Fate.LEAKED), (Place.NOWHERE, Fate.LEAKED)],
)
def test_an_address_of_this_nodes_slice_goes_by_where_its_pod_is(place: Place, expected: Fate) -> None:
    assert fate(replace(HELD, pod=POD), replace(NOBODY, pods={POD: place})) is expected


def held(**more: st.SearchStrategy[object]) -> st.SearchStrategy[Held]:
    return st.builds(
        Held,
        kind=st.just("lease"),
        what=st.just("10.0.0.2"),
        where=st.just("/leases"),
        container_id=st.sampled_from(IDS),
        namespace=st.sampled_from(Namespace),
        pod=st.sampled_from(["", POD]),
        age=st.none() | st.floats(-10, 2 * GRACE),
        **more,
    )


SUBSETS = st.sets(st.sampled_from(IDS))
WORDS = st.builds(
    Words,
    listed=st.none() | SUBSETS,
    silent=st.sampled_from(["", "it is away"]),
    busy=SUBSETS,
    recorded=st.dictionaries(st.sampled_from(IDS), st.sampled_from(Namespace)),
    pods=st.dictionaries(st.just(POD), st.sampled_from(Place)),
)


@given(held(), WORDS)
def test_nothing_is_leaked_that_anybody_could_still_speak_for(one: Held, words: Words) -> None:
    verdict, owner = judge(one, words, grace=GRACE), one.container_id
    recorded = words.recorded.get(owner)
    if verdict.fate is not Fate.LEAKED:
        return
    assert verdict.why
    assert not words.silent
    assert owner not in words.busy
    assert owner not in (words.listed or ())
    assert recorded is not Namespace.THERE
    if recorded is None:
        assert one.age is not None
        assert one.age >= GRACE
        assert not one.pod or words.pods.get(one.pod) in (Place.ELSEWHERE, Place.NOWHERE)
    if recorded is not Namespace.GONE and one.namespace is not Namespace.GONE:
        assert words.listed is not None
        assert owner != "by-hand"


@given(held(), WORDS)
def test_one_more_word_for_it_never_makes_a_thing_leaked(one: Held, words: Words) -> None:
    if judge(one, words, grace=GRACE).fate is Fate.LEAKED:
        return
    owner = one.container_id
    for more in (
        replace(words, busy={*words.busy, owner}),
        replace(words, listed={*(words.listed or ()), owner}),
        replace(words, recorded={**words.recorded, owner: Namespace.THERE}),
    ):
        assert judge(one, more, grace=GRACE).fate is not Fate.LEAKED
