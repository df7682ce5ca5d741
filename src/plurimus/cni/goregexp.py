"""Regular expressions as Go programs read them, for lists that say what is allowed.

A pattern means here what it means there, or is refused: none is understood as something else.  So what Go does not
know (back references, assertions, possessive repetition) is refused, and so is what Python has no word for (properties
of Unicode, most flags).  As there, searching takes as long as pattern and text are long, and never longer: all ways to
match are followed side by side (`patterns`).

Go: package regexp/syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from plurimus.cni import patterns

_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": "\\x00-\\x7f", "blank": "\\t ", "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\t-\\r ",
    "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_GROUP = re.compile(r"\((\?(:|i:|P?<[A-Za-z_][0-9A-Za-z_]*>))?(?!\?)")
_REPEAT = re.compile(r"\{\d+(,\d*)?\}")
_CLASS = re.compile(r"\[:(\^?)(\w+):\]")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,6}\}|0[0-7]{0,2}|.)", re.DOTALL)
_ESCAPED_CLASSES = frozenset({"\\d", "\\D", "\\w", "\\W"})
_MOST_REPEATS, _LAST_CHARACTER = 1000, 0x10FFFF


@lru_cache(maxsize=256)
def compile(pattern: str) -> patterns.Pattern:  # noqa: A001 - used as goregexp.compile
    """The pattern, to be searched for.

    Raises:
        ValueError: Go would not take it, or it has what is not understood here; the text says what.
    """
    start = 4 if pattern.startswith("(?i)") else 0
    flags = re.ASCII | (re.IGNORECASE if start else 0)
    parts: list[str] = []
    while start < len(pattern):
        if pattern.startswith("\\Q", start):
            inside, mark, _ = pattern[start + 2 :].partition("\\E")
            parts += map(re.escape, inside)
            start += 2 + len(inside) + len(mark)
            continue
        part, start = _next(pattern, start, repeated=bool(parts) and patterns.is_repeat(parts[-1]))
        parts.append(part)
    try:
        re.compile("".join(parts), flags)
        return patterns.put_together(parts, flags)
    except (re.error, OverflowError) as error:
        raise ValueError(str(error)) from error
    except RecursionError:
        raise ValueError("groups in groups, too many for what is understood here") from None


def _next(pattern: str, at: int, *, repeated: bool) -> tuple[str, int]:
    """The next part as Python writes it, and where it ends; `repeated`: the one before it is a repetition."""
    character = pattern[at]
    take = _TAKES.get(character)
    if take is not None:
        return take(pattern, at)
    repeat = _REPEAT.match(pattern, at)
    if character in "*+?" or repeat:
        end = repeat.end() if repeat else at + 1
        if repeated:
            raise ValueError(f"a repetition of a repetition at character {at + 1}")
        if repeat and any(int(number) > _MOST_REPEATS for number in re.findall(r"\d+", repeat[0])):
            raise ValueError(f"more than {_MOST_REPEATS} repetitions at character {at + 1}")
        lazy = pattern.startswith("?", end)
        return pattern[at : end + lazy], end + lazy
    return ("\\Z" if character == "$" else re.escape(character) if character in "{}" else character), at + 1


def _group(pattern: str, at: int) -> tuple[str, int]:
    match = _GROUP.match(pattern, at)
    if match is None:
        raise ValueError(f"a group that is not understood at character {at + 1}")
    text = match[0]
    return (text.replace("(?<", "(?P<") if text.startswith("(?<") else text), match.end()


def _escape(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("\\z", at):
        return "\\Z", at + 2
    if pattern[at + 1 : at + 2] in {"A", "b", "B"}:
        return pattern[at : at + 2], at + 2
    return _escaped(pattern, at)


def _escaped(pattern: str, at: int) -> tuple[str, int]:
    """An escape that is a character, or a class of them."""
    match = _ESCAPE.match(pattern, at)
    if match is None:
        raise ValueError("a backslash at the end")
    text, end = match[1], match.end()
    if text[0] in "x0" and text != "x":
        number = int(text[1:].strip("{}") or "0", 16 if text[0] == "x" else 8)
        if number > _LAST_CHARACTER:
            raise ValueError(f"no such character at character {at + 1}")
        return re.escape(chr(number)), end
    if text in "dDwW":
        return match[0], end
    if text in "sS":  # Python's has the vertical tab, too
        return ("[\\t\\n\\f\\r ]" if text == "s" else "[^\\t\\n\\f\\r ]"), end
    if text in "afnrtv":
        return match[0], end
    if text.isalnum() or not text.isascii():
        raise ValueError(f"\\{text} is not understood at character {at + 1}")
    return re.escape(text), end


def _set(pattern: str, at: int) -> tuple[str, int]:
    """Characters in brackets."""
    start = at + 1
    negated = pattern.startswith("^", start)
    start += negated
    parts: list[str] = []
    while not pattern.startswith("]", start) or not parts:
        named = _CLASS.match(pattern, start)
        if named is not None:
            if named[1] or named[2] not in _CLASSES:
                raise ValueError(f"{named[0]} is not understood at character {start + 1}")
            parts.append(_CLASSES[named[2]])
            start = named.end()
            continue
        part, start = _member(pattern, start)
        if part not in _ESCAPED_CLASSES and pattern.startswith("-", start) and not pattern.startswith("-]", start):
            last, start = _member(pattern, start + 1)
            part = f"{part}-{last}"
        parts.append(part)
    return f"[{'^' if negated else ''}{''.join(parts)}]", start + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    """One character in brackets, or a class of them that is an escape."""
    if at >= len(pattern):
        raise ValueError("a bracket that is not closed")
    if pattern[at] != "\\":
        return re.escape(pattern[at]), at + 1
    part, end = _escaped(pattern, at)
    if part.startswith("["):
        raise ValueError(f"\\s in brackets is not understood at character {at + 1}; write [:space:]")
    return part, end


_TAKES: Mapping[str, Callable[[str, int], tuple[str, int]]] = {"(": _group, "\\": _escape, "[": _set}
