"""What is asked of every case, wherever it runs."""

from __future__ import annotations

from . import known
from .case import Case
from .twins import Twins, differing


def alike(twins: Twins, case: Case) -> None:
    """The driver answers and leaves what the executable does, but for what is known to differ, which does."""
    theirs, ours = twins.both(case)
    assert all(seen["inside"] for seen in ours), f"{case.id}: the driver left it to the executable"
    found = differing(case, theirs, ours)
    unknown, unseen = known.compare(case.id, found)
    assert not unknown, _told(case, found, unknown)
    assert not unseen, f"{case.id}: known to differ in {sorted(unseen)}, which is equal"


def crossed(twins: Twins, case: Case) -> None:
    """The first verb is one's, the others are the other's: nothing differs beyond what is known to."""
    theirs, *mixed = twins.crossed(case)
    assert theirs[0]["outcome"] == "success", f"{case.id}: {theirs[0]['error']}"
    for ours in mixed:
        found = differing(case, theirs, ours)
        unknown, _ = known.compare(case.id, found)
        assert not unknown, _told(case, found, unknown)


def _told(case: Case, found: dict[str, str], unknown: set[str]) -> str:
    return "\n".join([case.id, *(f"{what}:\n{found[what]}" for what in sorted(unknown))])
