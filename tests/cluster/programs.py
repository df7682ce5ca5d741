"""The programs a cluster is made of, where `make test-cluster` puts them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "build" / name for name in ("kubernetes", "debian/usr/bin", "debian/usr/sbin")]


def program(name: str) -> Path:
    """The path of a program; a test whose program is missing fails, and says so."""
    for folder in FOLDERS:
        if (folder / name).exists():
            return folder / name
    looked_in = ", ".join(str(folder.relative_to(ROOT)) for folder in FOLDERS)
    pytest.fail(f"{name} is not in {looked_in}; run `make test-cluster`, which builds or unpacks what is missing")
