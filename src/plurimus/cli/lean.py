"""Import structlog without rich, which it takes along wherever that is installed.

That would be 3.5 MB in every daemon, for colours its log lines do not have.  To be imported before all
that logs.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

_MISSING = cast("ModuleType", None)
"""What makes Python say that there is no such module."""

_rich = sys.modules.get("rich")
sys.modules["rich"] = _MISSING
try:
    import structlog  # noqa: F401
finally:
    if _rich is None:
        del sys.modules["rich"]
    else:
        sys.modules["rich"] = _rich
