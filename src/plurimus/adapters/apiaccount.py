"""What is noted of requests to the API server: verb, resource, how the answer began, and whether there is any.

Kubernetes: "API Concepts", "Resource URIs".
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from types import TracebackType
from typing import Self

from plurimus.core import measured

_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY_REQUESTS = 401, 403, 429


class Answers(asyncio.Event):
    """Set while a server answers, and from the start on, before it has been asked.

    `returned` is set once it was away and does again what it is asked for; who waits clears it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set()
        self.returned = asyncio.Event()
        self._was_away = False

    def note(self, status: int) -> None:
        """How an answer began; 0 for none, which is as that of a server that is broken or starts (5xx).

        One that has too much to do says nothing of either.  One that knows nobody, or nobody's roles, has just
        started, or a certificate ended meanwhile: it answers, but what failed would fail again.
        """
        if not 0 < status < 500:
            self.clear()
            self._was_away = True
        elif status != _TOO_MANY_REQUESTS:
            self.set()
            if self._was_away and status not in (_UNAUTHORIZED, _FORBIDDEN):
                self._was_away = False
                self.returned.set()


class Asked:
    """One try of a request, for the block, which says the `status` of the answer; `answers` notes it behind that."""

    __slots__ = ("_answers", "_path", "_since", "_verb", "status")

    def __init__(self, verb: str, path: str, answers: Answers) -> None:
        self._verb, self._path, self._answers = verb, path, answers
        self.status = 0

    def __enter__(self) -> Self:
        self._since = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._answers.note(self.status)
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
