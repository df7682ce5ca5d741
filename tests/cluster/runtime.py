"""containerd with runc, all its files in one folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from . import images
from .cgroups import ControlGroup
from .programs import FOLDERS, program
from .service import Service

NAMESPACE = "k8s.io"
PATH = os.pathsep.join([*map(str, FOLDERS), os.environ["PATH"]])


class Containerd:
    """`bin` and `confdir` are where it looks for CNI plugins and their configuration."""

    def __init__(self, folder: Path, group: ControlGroup, bin: Path, confdir: Path) -> None:  # noqa: A002
        (folder / "containerd").mkdir()
        self.socket = folder / "containerd/containerd.sock"
        self._folder = folder
        config = folder / "containerd.toml"
        config.write_text("version = 3\n" + _toml(self._config(bin, confdir)))
        command = group.joined_by([program("containerd"), "--config", config])
        self._service = Service(
            "containerd", command, folder / "containerd.log", self._listens, os.environ | {"PATH": PATH}
        )

    def start(self) -> None:
        """Start it; the first time it gets its one image."""
        self._service.start()
        archive = self._folder / "waits.tar"
        if not archive.exists():
            self.ctr("images", "import", str(images.waits(self._folder)))

    def stop(self) -> None:
        """End it; containers go on without it."""
        self._service.stop()

    def ctr(self, *words: str) -> str:
        """What containerd's own client prints."""
        command = [program("ctr"), "--address", self.socket, "--namespace", NAMESPACE, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _config(self, bin: Path, confdir: Path) -> dict[str, Any]:  # noqa: A002
        runc = {
            "runtime_type": "io.containerd.runc.v2",
            "options": {"BinaryName": str(program("runc")), "SystemdCgroup": False},
        }
        runtime = {
            # machines that may not lower a process' score have no CAP_SYS_RESOURCE
            "restrict_oom_score_adj": True,
            "cni": {"bin_dirs": [str(bin)], "conf_dir": str(confdir)},
            "containerd": {"default_runtime_name": "runc", "runtimes": {"runc": runc}},
        }
        return {
            "root": str(self._folder / "containerd/root"),
            "state": str(self._folder / "containerd/state"),
            "grpc": {"address": str(self.socket)},
            "plugins": {
                "io.containerd.cri.v1.runtime": runtime,
                "io.containerd.cri.v1.images": {"pinned_images": {"sandbox": images.WAITS}},
                "io.containerd.nri.v1.nri": {"disable": True},
            },
        }

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as channel:
            return channel.connect_ex(str(self.socket)) == 0


def _toml(table: dict[str, Any], *names: str) -> str:
    """A table and the tables in it; JSON's strings and truth values are TOML's too."""
    own = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    head = [f"[{'.'.join(json.dumps(name) for name in names)}]"] if names and own else []
    inner = [_toml(value, *names, key) for key, value in table.items() if isinstance(value, dict)]
    return "\n".join([*head, *own, *inner])
