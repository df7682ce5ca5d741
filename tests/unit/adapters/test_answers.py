"""Whether the API server answers, and when it is back: by how its answers began, 0 for none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from plurimus.adapters.apiaccount import Answers


def noted(*statuses: int) -> Answers:
    answers = Answers()
    for status in statuses:
        answers.note(status)
    return answers


@pytest.mark.parametrize("statuses", [(), (200,), (404, 401, 403), (429,)])
def test_a_server_that_was_never_away_did_not_return(statuses: Sequence[int]) -> None:
    answers = noted(*statuses)
    assert answers.is_set()
    assert not answers.returned.is_set()


@pytest.mark.parametrize("away", [(0,), (503,), (0, 500, 0), (0, 429)])
@pytest.mark.parametrize("status", [200, 201, 404, 409, 410, 422])
def test_one_that_was_away_is_back_as_soon_as_it_does_what_it_is_asked_for(away: Sequence[int], status: int) -> None:
    assert not noted(*away).is_set()
    answers = noted(*away, status)
    assert answers.is_set()
    assert answers.returned.is_set()


@pytest.mark.parametrize("refused", [(401,), (403, 403), (401, 429)])
def test_one_that_refuses_whoever_asks_answers_and_is_not_back_yet(refused: Sequence[int]) -> None:
    """It has not read its roles yet, or a certificate ended while it was away: what failed would fail again."""
    answers = noted(0, *refused)
    assert answers.is_set()
    assert not answers.returned.is_set()
    answers.note(200)
    assert answers.returned.is_set()


def test_each_return_is_told_once() -> None:
    answers = noted(0, 200)
    answers.returned.clear()
    answers.note(200)
    assert not answers.returned.is_set()
    answers.note(503)
    answers.note(200)
    assert answers.returned.is_set()
