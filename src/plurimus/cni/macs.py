"""Hardware addresses as Go programs read them: of 6, 8 or 20 octets, `02:00:..`, `02-00-..` or `0200.0000....`."""

from __future__ import annotations

import re

_OCTETS = (6, 8, 20)
_FORM = re.compile(r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2})*|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4})+")


def packed(text: str, called: str = "the MAC") -> bytes:
    """The octets.

    Raises:
        ValueError: it is none; then it may be a secret, so it is told only where it is `called` by itself.
    """
    if _FORM.fullmatch(text):
        octets = bytes.fromhex(re.sub(r"[:.-]", "", text))
        if len(octets) in _OCTETS:
            return octets
    raise ValueError(f"{called} is none; expected six octets, as 02:00:00:00:00:01")


def called(text: str, own: str) -> str:
    """What an error calls a MAC: by itself where it is the configuration's `own`.  One of CNI_ARGS may be anything."""
    return f"MAC {text!r}" if text == own else "the MAC that is asked for"
