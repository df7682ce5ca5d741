"""Kubeconfigs: where an API server is, and who one is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(
    path: Path, server: str, *, ca: Path | bytes | str | None = None, user: Mapping[str, Any] | None = None
) -> Path:
    """The file at `path`: with one context, for every client of Kubernetes; `user` has the keys of one."""
    cluster = {"server": server} | ({} if ca is None else {"certificate-authority": str(ca)})
    path.write_text(json.dumps({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tests", "user": dict(user or {})}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
    }))  # fmt: skip
    return path
