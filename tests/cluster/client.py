"""A client of the API server for tests: JSON in, JSON out."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from .certificates import Pair

Object = dict[str, Any]

MERGE, STRATEGIC, APPLY = (f"application/{kind}" for kind in (
    "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"))  # fmt: skip
_PATIENCE = 60.0


class Refused(Exception):
    """The API server's answer was no: `code` of HTTP, `reason` and `text` of its Status."""

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        super().__init__(code, status)
        self.code = code
        self.reason: str = status.get("reason", "")
        self.text: str = status.get("message", "")


class Client:
    """Asks `server` as the owner of a certificate, as the bearer of a token, or as nobody."""

    def __init__(self, server: str, ca: Path, certificate: Pair | None = None, token: str = "") -> None:
        context = ssl.create_default_context(cafile=str(ca))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))

    def acting_as(self, user: str, group: str = "") -> Client:
        """The same client, asking as if somebody else did; the API server lets only who may impersonate."""
        other = copy(self)
        other._headers = self._headers | {"Impersonate-User": user}
        if group:
            other._headers["Impersonate-Group"] = group
        return other

    def get(self, path: str, **query: str) -> Object:
        return self._object("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any], **query: str) -> Object:
        return self._object("POST", path, query, body)

    def put(self, path: str, body: Mapping[str, Any], **query: str) -> Object:
        return self._object("PUT", path, query, body)

    def patch(self, path: str, body: Mapping[str, Any], kind: str = MERGE, **query: str) -> Object:
        return self._object("PATCH", path, query, body, kind)

    def delete(self, path: str, body: Mapping[str, Any] | None = None, **query: str) -> Object:
        return self._object("DELETE", path, query, body)

    def text(self, path: str, **query: str) -> str:
        """What is there in plain text: health, metrics, logs."""
        return self._ask("GET", path, query, None, "").decode()

    def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> Object:
        answer: Object = json.loads(self._ask(method, path, query, body, kind))
        return answer

    def _ask(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None, kind: str
    ) -> bytes:
        url = f"{self._server}{path}{'?' + urlencode(query) if query else ''}"
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": kind} if data is not None else {})
        try:
            with self._opener.open(Request(url, data, headers, method=method), timeout=_PATIENCE) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as refusal:
            with refusal:
                raise Refused(refusal.code, _status(refusal.read())) from None


def serves(client: Client, health: str) -> bool:
    """Whether a server answers `ok` at a path of its health."""
    try:
        return client.text(health) == "ok"
    except (Refused, OSError):
        return False


def _status(content: bytes) -> Mapping[str, Any]:
    """The Status object of a refusal; some are plain text."""
    try:
        status = json.loads(content)
    except ValueError:
        return {"message": content.decode(errors="replace")}
    return status if isinstance(status, dict) else {"message": str(status)}
