"""How long tests wait for what must happen: a guard against hanging, never a figure."""

from __future__ import annotations

import os

SLOWER = float(os.environ.get("PLURIMUS_TESTS_SLOWER", "1"))
"""How many times slower than usual the machine is taken to be: an emulated one is."""
