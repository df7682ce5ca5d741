"""The versions of the CNI specification: which are supported, their order, what each can do.

Spec sections 1.1 and 1.2.
"""

from __future__ import annotations

import functools

from plurimus.cni.errors import Code, RequestError

SUPPORTED = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
CURRENT = SUPPORTED[-1]
OLDEST = SUPPORTED[0]

_NEEDS = {"CHECK": (0, 4, 0), "GC": (1, 1, 0), "STATUS": (1, 1, 0)}


@functools.lru_cache(maxsize=64)
def parse(version: str) -> tuple[int, int, int]:
    """`1.1` as `(1, 1, 0)`; an empty version counts as 0.1.0.

    Raises:
        ValueError: a part is no number, or there are more than three.
    """
    parts = (version or OLDEST).split(".")
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise ValueError(f"{version!r} is no CNI version")
    numbers = [int(part) for part in parts] + [0, 0]
    return numbers[0], numbers[1], numbers[2]


def supports(version: str, verb: str) -> bool:
    """Whether a configuration of `version` allows `verb` (ADD, DEL and VERSION always)."""
    return parse(version) >= _NEEDS.get(verb, (0, 0, 0))


def require(version: str) -> str:
    """`version`, an empty one as 0.1.0, if it is exactly one of the supported ones.

    Raises:
        RequestError: code 1; the details name both sides.
    """
    version = version or OLDEST
    if version not in SUPPORTED:
        raise RequestError(
            "incompatible CNI versions",
            details=f'config is "{version}", plugin supports {list(SUPPORTED)}'.replace("'", '"'),
            code=Code.INCOMPATIBLE_VERSION,
        )
    return version


def negotiate(version: str, offered: list[str]) -> str:
    """The highest of `version` and `offered` that is not above 1.1.0 (CNI 1.1, `cniVersions`).

    Of two spellings of it, `1.1` and `1.1.0`, the one that can be used.

    Raises:
        ValueError: none of them is, or one is no version.
    """
    named = sorted({version, *offered} - {""})
    known = [v for v in named if parse(v) <= parse(CURRENT)]
    if not known:
        raise ValueError(f"none of the versions {named} is supported, the highest is {CURRENT}")
    return max(known, key=lambda v: (parse(v), v in SUPPORTED))
