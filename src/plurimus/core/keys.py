"""Configuration keys: which ones there are, and which one a mistyped one was meant to be."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec


@functools.cache
def names(*structs: type[msgspec.Struct]) -> tuple[str, ...]:
    """The keys of the structs as they are written in a file."""
    return tuple(field.encode_name for struct in structs for field in msgspec.structs.fields(struct))


def unknown(document: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """One warning for each key of `document` that nobody reads, with the nearest known key."""
    spelled = {name.casefold(): name for name in known}
    warnings = []
    for key in document:
        if key.casefold() not in spelled:
            near = difflib.get_close_matches(key.casefold(), spelled, n=1)
            hint = f", did you mean {spelled[near[0]]!r}?" if near else ""
            warnings.append(f"unknown key {key!r} is ignored{hint}")
    return warnings
