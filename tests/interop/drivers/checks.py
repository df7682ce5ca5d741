"""What is asked of every case, wherever it runs."""

from __future__ import annotations

from . import known
from .case import Case
from .twins import Twins, differing


def alike(twins: Twins, case: Case) -> None:
    """The driver answers and leaves what the executable does, but for what is known to differ, which does."""
    theirs, ours = twins.both(case)
    assert [seen["inside"] for seen in ours] == [True] * len(ours)  # else two executables were compared
    found = differing(case, theirs, ours)
    unknown, unseen = known.compare(case.id, found)
    assert {what: found[what] for what in unknown} == {}
    assert unseen == set()


def crossed(twins: Twins, case: Case) -> None:
    """The first verb is one's, the others are the other's: nothing differs beyond what is known to."""
    theirs, *mixed = twins.crossed(case)
    assert theirs[0]["outcome"] == "success", theirs[0]["error"]
    for ours in mixed:
        found = differing(case, theirs, ours)
        unknown, _ = known.compare(case.id, found)
        assert {what: found[what] for what in unknown} == {}
