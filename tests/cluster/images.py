"""Container images made here: one layer with the files given, as the archive a runtime imports."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WAITS = "plurimus.test/waits:1"
"""The image of both sandboxes and containers: it waits."""
_SOURCE = Path(__file__).with_name("waits.c")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image"


def waits(folder: Path) -> Path:
    """The archive of the image `WAITS`, in `folder`."""
    program = folder / "waits"
    subprocess.run(["cc", "-Os", "-static", "-s", "-o", program, _SOURCE], check=True)
    return write(folder / "waits.tar", WAITS, {"waits": program.read_bytes()}, ["/waits"])


def write(archive: Path, name: str, files: Mapping[str, bytes], command: list[str]) -> Path:
    """An image called `name` in which `files` can be executed and `command` is."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"{_MEDIA}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layer = blob(_tar(files, 0o755), "layer.v1.tar")
    config = {
        "architecture": _MACHINES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": command},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), "config.v1+json"),
        "layers": [layer],
    }
    described = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    described["annotations"] = {"io.containerd.image.name": name}
    index = {"schemaVersion": 2, "mediaType": f"{_MEDIA}.index.v1+json", "manifests": [described]}
    blobs["index.json"] = json.dumps(index).encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    archive.write_bytes(_tar(blobs, 0o644))
    return archive


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
