"""Put the shim into a wheel, which is for one machine then: `plurimus install` takes it from there.

PLURIMUS_TARGET chooses amd64 or arm64, compiled by ziglang; without it, the compiler of this machine is used.
A static executable asks nothing of the C library, hence the tags.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
import build_shim

_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


class ShimHook(BuildHookInterface):  # type: ignore[type-arg] # no configuration of its own
    """Hatchling's hook for wheels; an editable installation uses the checkout's build/."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        target = os.environ.get("PLURIMUS_TARGET") or None
        if target not in (None, *_ARCHITECTURES):
            raise SystemExit(f"PLURIMUS_TARGET is {target!r}, expected {' or '.join(_ARCHITECTURES)}")
        self._folder = tempfile.TemporaryDirectory()
        shim = Path(self._folder.name) / "plurimus-shim"
        build_shim.build(shim, target)
        machine = _ARCHITECTURES[target] if target else platform.machine()
        build_data["force_include"][str(shim)] = "plurimus/plurimus-shim"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_17_{machine}.musllinux_1_1_{machine}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._folder.cleanup()
