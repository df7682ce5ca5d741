"""Patterns that are searched for in a time that grows with pattern and text only.

All ways to match are followed side by side, a character at a time.  Python's own search follows one after the other,
which may be as many as a power of the text's length, or of two; here it sees one character, or a condition, at once.

Thompson, "Regular Expression Search Algorithm", 1968.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

_NOTHING = re.compile("")
_MOST_STATES = 10_000
"""Characters of a pattern with its repetitions written out."""


class Pattern:
    """What was compiled."""

    def __init__(self, start: _State) -> None:
        self._start = start

    def search(self, text: str) -> bool:
        """Whether it matches any part of `text`."""
        current: set[_State] = set()
        for at in range(len(text) + 1):
            current.add(self._start)
            waiting, following = list(current), set[_State]()
            while waiting:
                state = waiting.pop()
                if not state.then:
                    return True
                found = state.taken.match(text, at)
                if found is not None and found.end() > at:
                    following.update(state.then)
                elif found is not None:
                    waiting += [each for each in state.then if each not in current]
                    current.update(state.then)
            current = following
        return False


def put_together(parts: Iterable[str], flags: int) -> Pattern:
    """The pattern whose parts, as Python writes them, are characters, conditions, repetitions, bars and parentheses.

    Together they are one that Python takes.

    Raises:
        ValueError: it is too large.
    """
    return Pattern(_alternatives(iter(parts), flags).build(_State(_NOTHING)))


def is_repeat(part: str) -> bool:
    """Whether a part says how often the one before it may come."""
    return part[0] in "*+?" or (part[0] == "{" and len(part) > 1)


@dataclass(eq=False, slots=True)
class _State:
    """What is matched next: a character or a condition that is `taken`, then any of `then`, which the last has not."""

    taken: re.Pattern[str]
    then: tuple[_State, ...] = ()


class _Piece(NamedTuple):
    """A part of a pattern, made by `build` as `size` states, so that another comes after it."""

    build: Callable[[_State], _State]
    size: int


def _alternatives(parts: Iterator[str], flags: int) -> _Piece:
    """What stands up to the end of the group; that of the pattern is one, too."""
    branches: list[list[_Piece]] = [[]]
    for part in parts:
        if part == ")":
            break
        if part == "|":
            branches.append([])
        elif part[0] == "(":
            branches[-1].append(_alternatives(parts, flags | (re.IGNORECASE if part == "(?i:" else 0)))
        elif is_repeat(part):
            branches[-1].append(_repeated(branches[-1].pop(), part))
        else:
            branches[-1].append(_single(re.compile(part, flags)))
    size = sum(piece.size for branch in branches for piece in branch) + 1
    return _Piece(lambda last: _State(_NOTHING, tuple(_chain(branch, last) for branch in branches)), _checked(size))


def _chain(pieces: Iterable[_Piece], last: _State) -> _State:
    for piece in reversed([*pieces]):
        last = piece.build(last)
    return last


def _single(taken: re.Pattern[str]) -> _Piece:
    return _Piece(lambda last: _State(taken, (last,)), 1)


def _repeated(piece: _Piece, repeat: str) -> _Piece:
    """As often as `repeat` says; whether lazily makes no difference to what is found."""
    least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(repeat[0], (0, None))
    if repeat[0] == "{":
        first, comma, second = repeat.rstrip("?")[1:-1].partition(",")
        least, most = int(first), int(second or first) if second or not comma else None

    def build(last: _State) -> _State:
        state = last
        if most is None:
            state = _State(_NOTHING)
            state.then = (piece.build(state), last)
        for _ in range((most or least) - least):
            state = _State(_NOTHING, (piece.build(state), last))
        for _ in range(least):
            state = piece.build(state)
        return state

    return _Piece(build, _checked((piece.size + 1) * max(least + 1, most or 0)))


def _checked(size: int) -> int:
    if size > _MOST_STATES:
        raise ValueError(f"more than {_MOST_STATES} characters, with repetitions written out")
    return size
