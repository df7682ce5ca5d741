"""How much memory the executables of each plugin type need: a maximum that fades.

A type that nobody has seen run is taken to need as much as the larger ones do.  What is on file is
kept for the daemon's next start, and is void where it cannot be read.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

UNSEEN = 64 * 2**20
"""Bytes a type is taken to need before it was seen."""
_FADING = 16
"""A smaller figure brings the known one nearer by this part of their difference."""
_LEAST, _MOST = 2**20, 2**40
_Bytes = Annotated[int, msgspec.Meta(ge=_LEAST, le=_MOST)]


class _File(msgspec.Struct, frozen=True):
    version: int
    bytes: dict[str, _Bytes]


class Needs:
    """Bytes by plugin type."""

    def __init__(self, known: dict[str, int] | None = None) -> None:
        self.known = dict(known or {})

    def of(self, kind: str) -> int:
        """What a run of this type is to be given: an eighth more than was seen, since the end of a run is not."""
        known = self.known.get(kind)
        return UNSEEN if known is None else known + known // 8

    def seen(self, kind: str, most: int) -> None:
        """A run of this type has needed `most` bytes."""
        most, known = min(max(most, _LEAST), _MOST), self.known.get(kind, 0)
        self.known[kind] = most if most >= known else known - (known - most) // _FADING

    def encode(self) -> bytes:
        return msgspec.json.encode(_File(1, self.known))


def decode(content: bytes) -> Needs:
    """What `encode` wrote.

    Raises:
        ValueError: it is something else, or of a later version.
    """
    file = msgspec.json.decode(content, type=_File)
    if file.version != 1:
        raise ValueError(f"version {file.version} is not known")
    return Needs(file.bytes)
