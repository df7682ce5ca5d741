"""What the metrics say of requests to the API server: verb, resource, and how the answer began.

Kubernetes: "API Concepts", "Resource URIs".
"""

from __future__ import annotations

from time import perf_counter
from types import TracebackType
from typing import Self

from plurimus.core import measured


class Asked:
    """One try of a request, for the block, which says the `status` of the answer."""

    __slots__ = ("_path", "_since", "_verb", "status")

    def __init__(self, verb: str, path: str) -> None:
        self._verb, self._path = verb, path
        self.status = 0

    def __enter__(self) -> Self:
        self._since = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        status = f"{self.status // 100}xx" if self.status else "none"
        measured.API_REQUESTS.observe(perf_counter() - self._since, self._verb, resource(self._path), status)


def resource(path: str) -> str:
    """The resource in the path of a request, with its subresource: `pods`, `pods/status`; no name of an object.

    `/api/v1` and `/apis/<group>/<version>` come before `[namespaces/<namespace>/]<resource>[/<name>[/<subresource>]]`.
    """
    words = path.strip("/").split("/")
    if words[0] not in ("api", "apis"):
        return "other"
    words = words[2 if words[0] == "api" else 3 :]
    if words[:1] == ["namespaces"] and len(words) > 2:
        words = words[2:]
    return "/".join(words[:1] + words[2:3]) or "other"
