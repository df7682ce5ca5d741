"""Container images made here: one layer with the files given, as the archive a runtime imports."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from tools import oci

WAITS = "plurimus.test/waits:1"
"""The image of both sandboxes and containers: it waits."""
_SOURCE = Path(__file__).with_name("waits.c")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def waits(folder: Path) -> Path:
    """The archive of the image `WAITS`, in `folder`."""
    program = folder / "waits"
    subprocess.run(["cc", "-Os", "-static", "-s", "-o", program, _SOURCE], check=True)
    layer = oci.layer_of_programs({"waits": program.read_bytes()})
    architecture = MACHINES[platform.machine()]
    return oci.write(folder / "waits.tar", WAITS, [layer], architecture=architecture, config={"Entrypoint": ["/waits"]})
