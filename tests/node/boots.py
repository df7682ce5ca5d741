"""A node that boots again, as its daemon sees it: by another identity of the boot."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import Self

_TOLD = "/proc/sys/kernel/random/boot_id"


class Boots:
    """Has a file below `folder` in the place of the kernel's; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "boot_id"
        self.anew()

    def __enter__(self) -> Self:
        subprocess.run(["mount", "--bind", self._file, _TOLD], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", _TOLD], check=True)

    def anew(self) -> None:
        """What daemons from now on take for the identity of the boot."""
        self._file.write_text(f"{uuid.uuid4()}\n")
