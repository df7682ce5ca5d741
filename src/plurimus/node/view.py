"""A node as a container sees it: its root somewhere else, and of that only what is mounted there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class View:
    """`root` is where the node's own root is seen from here."""

    root: Path = ROOT

    @classmethod
    def by(cls, here: Path, on_node: str) -> View:
        """From one file's path here and its path on the node; the same root where these do not fit."""
        path = str(here.absolute())
        fits = on_node.startswith("/") and path.endswith(on_node)
        return cls(Path(path.removesuffix(on_node) or ROOT) if fits else ROOT)

    def at(self, path: str | Path) -> Path:
        """Where a path of the node is here."""
        return self.root / str(path).lstrip("/")

    def lacks(self, path: str | Path, *, links: int = 40) -> bool:
        """Whether nothing can be said of it, since no folder that would hold it is mounted here.

        A link is as what it leads to on the node; after so many `links` it leads nowhere.
        """
        here = self.at(path)
        if self.root == ROOT or not links:
            return False
        if here.is_symlink():
            return self.lacks(Path(path).parent / here.readlink(), links=links - 1)
        if here.exists():
            return False
        return not any(each.is_relative_to(self.root) and os.path.ismount(each) for each in here.parents)
