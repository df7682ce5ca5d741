"""A node that has just been started: all its pods come at once, and their primary CNI plugin is large."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .runtime import Answer, Sandbox, launched

PODS = 250
CRITICAL = 10
LIMIT = 256 * 2**20
MEGABYTES, MILLISECONDS = 55, 300
"""What the plugin holds, and how long: as Cilium's does."""
NETWORK = {"cniVersion": "1.0.0", "name": "pods", "type": "heavy"}
_PATIENCE = 600.0


def install(bin_dir: Path, folder: Path, *, following: str = "") -> None:
    """The plugin, which tells of itself in `folder`, and then does what the plugin `following` does."""
    sizes = {"FOLDER": f'"{folder}"', "MEGABYTES": MEGABYTES, "MILLISECONDS": MILLISECONDS}
    if following:
        sizes["NEXT"] = f'"{bin_dir / following}"'
    defined = [f"-D{name}={value}" for name, value in sizes.items()]
    source = Path(__file__).with_name("heavy.c")
    subprocess.run(["cc", "-std=gnu11", "-O1", *defined, "-o", bin_dir / "heavy", source], check=True)


def noted(folder: Path, file: str) -> list[str]:
    """The container IDs the plugin noted as `begun` or `ended`, in order."""
    path = folder / file
    return path.read_text().split() if path.exists() else []


class Calls:
    """The calls of the runtime for many sandboxes, all at the same time."""

    def __init__(self, shim: Path, bin_dir: Path) -> None:
        self._shim, self._bin = shim, bin_dir
        self._running: list[tuple[Sandbox, subprocess.Popen[bytes]]] = []

    def begin(self, sandboxes: Sequence[Sandbox], **more: Any) -> None:
        """An ADD for each; `more` is laid over its configuration."""
        for sandbox in sandboxes:
            env = {"CNI_COMMAND": "ADD", "CNI_PATH": str(self._bin), **sandbox.environment()}
            call = launched(self._shim, env, sandbox.netconf | more, stderr=subprocess.DEVNULL)
            self._running.append((sandbox, call))

    def answers(self) -> list[tuple[Sandbox, Answer]]:
        """How each ended, once all have."""
        ended = [(sandbox, *call.communicate(timeout=_PATIENCE), call.returncode) for sandbox, call in self._running]
        self._running.clear()
        return [(sandbox, Answer(status, stdout)) for sandbox, stdout, _, status in ended]
