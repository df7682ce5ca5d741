"""Container images without a registry or a builder: layers of files, and the archive that a runtime imports.

The archive is an OCI image layout that Docker's index lies beside, so `ctr images import`, `podman load` and
`docker load` take it.  The same input gives the same bytes: names are sorted, owners are root, times are one.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Layer:
    """Files of an image: `blob` is the compressed tar, `diff_id` the digest of the tar itself."""

    blob: bytes
    diff_id: str


def layer_of_folder(folder: Path, *, epoch: int = 0) -> Layer:
    """A layer of all that is below `folder`, with the modes it has there; all times are `epoch`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            entry = archive.gettarinfo(str(path), arcname=str(path.relative_to(folder)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = epoch
            if entry.isreg():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)
    return _layer(packed.getvalue())


def layer_of_programs(files: Mapping[str, bytes]) -> Layer:
    """A layer of `files` that can be executed."""
    return _layer(_tar(files, 0o755))


def write(
    archive: Path, name: str, layers: Sequence[Layer], *, architecture: str, config: Mapping[str, Any], epoch: int = 0
) -> Path:
    """An image called `name`; `config` says what a container of it runs, in OCI's keys."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"{_MEDIA}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    described = [blob(layer.blob, "layer.v1.tar+gzip") for layer in layers]
    image = {
        "created": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "architecture": architecture,
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": blob(_json(image), "config.v1+json"),
        "layers": described,
    }
    found = blob(_json(manifest), "manifest.v1+json")
    found["platform"] = {"architecture": architecture, "os": "linux"}
    found["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.split(":")[-1]}
    index = {"schemaVersion": 2, "mediaType": f"{_MEDIA}.index.v1+json", "manifests": [found]}
    blobs["index.json"] = _json(index)
    blobs["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
    paths = [_path(each) for each in described]
    blobs["manifest.json"] = _json([{"Config": _path(manifest["config"]), "RepoTags": [name], "Layers": paths}])
    archive.parent.mkdir(parents=True, exist_ok=True)
    temporary = archive.with_name(f".{archive.name}.new")
    temporary.write_bytes(_tar(blobs, 0o644))
    return temporary.replace(archive)


def _path(described: Any) -> str:
    return "blobs/" + str(described["digest"]).replace(":", "/")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _layer(tar: bytes) -> Layer:
    return Layer(gzip.compress(tar, mtime=0), f"sha256:{hashlib.sha256(tar).hexdigest()}")


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
