"""Paths below another root, as a process sees them whose root that is.

Not an adapter itself but what those have in common that look at a host's files from inside a container.
"""

from __future__ import annotations

from pathlib import Path

_MOST_LINKS = 40
"""As the kernel has it."""


def below(root: str, path: str) -> str:
    """Where `path` leads below `root` (empty: nowhere else): links, absolute ones too, start at that root."""
    if root in ("", "/"):
        return path
    here, left, links = "", path.split("/")[::-1], 0
    while left:
        part = left.pop()
        if part == "..":
            here = here.rpartition("/")[0]
        elif part not in ("", "."):
            here += f"/{part}"
            try:
                target = str(Path(root + here).readlink())
            except OSError:  # no link
                continue
            links += 1
            if links > _MOST_LINKS:
                break
            here = "" if target.startswith("/") else here.rpartition("/")[0]
            left += target.split("/")[::-1]
    return root + here
