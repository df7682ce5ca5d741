"""The sources of this tree: the Python that tests run with may have those of another one installed."""

from __future__ import annotations

import sys
from pathlib import Path

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
PYTHON = " ".join((*(f"{name}={value}" for name, value in ENVIRONMENT.items()), sys.executable, "-sP"))
"""What starts Python for the calls of a node without a daemon: by `-I` it would find what is installed."""
