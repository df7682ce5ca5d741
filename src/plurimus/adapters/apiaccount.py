"""What is noted of requests to the API server: verb, resource, how the answer began, and whether there is any.

Kubernetes: "API Concepts", "Resource URIs".
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from types import TracebackType
from typing import Self

from plurimus.core import measured

_TOO_MANY_REQUESTS = 429


def answering() -> asyncio.Event:
    """What says whether a server answers, of one that has not been asked yet: it is taken to."""
    event = asyncio.Event()
    event.set()
    return event


class Asked:
    """One try of a request, for the block, which says the `status` of the answer.

    `answers` is set behind it where there is one, and cleared where there is none, or only that of a server that is
    broken or starts (5xx); one that has too much to do leaves it.
    """

    __slots__ = ("_answers", "_path", "_since", "_verb", "status")

    def __init__(self, verb: str, path: str, answers: asyncio.Event) -> None:
        self._verb, self._path, self._answers = verb, path, answers
        self.status = 0

    def __enter__(self) -> Self:
        self._since = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if 0 < self.status < 500:
            if self.status != _TOO_MANY_REQUESTS:
                self._answers.set()
        else:
            self._answers.clear()
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
