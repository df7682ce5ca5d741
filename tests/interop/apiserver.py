"""An API server that has pods, network attachment definitions and events, for Multus, which needs one.

HTTPS with a certificate of its own, one token; GET, LIST, WATCH, POST of events, PUT and PATCH of a pod's annotations.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.node.snapshot import run

from . import protobuf
from .store import GROUPS, KINDS, Object, Store

TOKEN = "token-of-the-tests"
_PATH = re.compile(rf"/apis?/(?P<group>(?:k8s\.cni\.cncf\.io/)?v1)/(?:namespaces/(?P<namespace>[^/]+)/)?"
                   rf"(?P<plural>{'|'.join(KINDS)})(?:/(?P<name>[^/]+))?(?P<status>/status)?$")  # fmt: skip


class ApiServer:
    """Serves a `Store` on a port of its own; `ca` is the file with its certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.store = Store()
        self.ca, key = folder / "ca.crt", folder / "tls.key"
        _make_certificate(self.ca, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        handler = type("Handler", (_Handler,), {"store": self.store})
        self._server = _Server(("127.0.0.1", 0), handler)
        # a client that is slow to shake hands keeps its own thread, and nobody else
        listening = self._server.socket
        self._server.socket = context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """To be called when no client is left, since it waits for the end of their connections."""
        self.store.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Nobody in this network namespace reaches it, and what was connected is cut off."""
        rule = f"tcp dport {self.port} reject with tcp reset"
        run("nft", f"add table inet away; add chain inet away out {{ type filter hook output priority 0; }}; "
                   f"add rule inet away out {rule}")  # fmt: skip
        try:
            yield
        finally:
            run("nft", "delete table inet away")


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may end in the middle of its request; all else is an error of these tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    store: Store

    def do_GET(self) -> None:
        target = self._target()
        if target is None:
            return
        plural, namespace, name, query = target
        if name:
            found = self.store.objects.get((plural, namespace, name))
            self._answer(200, found) if found else self._not_found(plural, name)
        elif "watch" in query:
            self._watch(plural, query)
        else:
            self._list(plural)

    def do_POST(self) -> None:
        target, body = self._target(), self._body()
        if target is None:
            return
        plural, namespace, _, _ = target
        assert plural == "events"
        made = protobuf.event(body) if body.startswith(b"k8s") else json.loads(body)
        self._answer(201, self.store.put((plural, namespace, made["metadata"]["name"]), made))

    def do_PUT(self) -> None:
        target, body = self._target(), self._body()
        if target is not None:
            self._change(target, protobuf.metadata(body) if body.startswith(b"k8s") else json.loads(body)["metadata"])

    def do_PATCH(self) -> None:
        target, body = self._target(), self._body()
        if target is not None:
            self._change(target, json.loads(body).get("metadata", {}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass

    def _target(self) -> tuple[str, str, str, dict[str, list[str]]] | None:
        """Kind, namespace, name and query of this request; None once it is refused."""
        url = urlsplit(self.path)
        found = _PATH.match(url.path)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._fail(401, "Unauthorized", "Unauthorized")
        elif found is None or found["group"] != GROUPS[found["plural"]]:
            self._fail(404, "NotFound", f"the server could not find {url.path}")
        else:
            self.store.asked[f"{self.command} {found['plural']}"] += 1
            return found["plural"], found["namespace"] or "", found["name"] or "", parse_qs(url.query)
        return None

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _change(self, target: tuple[str, str, str, Any], meta: Mapping[str, Any]) -> None:
        """Lay the annotations of `meta` over an object's, if it still is the version `meta` was made from."""
        plural, namespace, name, _ = target
        key = (plural, namespace, name)
        old = self.store.objects.get(key)
        if old is None:
            self._not_found(plural, name)
        elif meta.get("resourceVersion") and meta["resourceVersion"] != old["metadata"]["resourceVersion"]:
            self._fail(409, "Conflict", "the object has been modified")
        else:
            annotations = {**old["metadata"].get("annotations", {}), **meta.get("annotations", {})}
            self._answer(200, self.store.put(key, {**old, "metadata": {**old["metadata"], "annotations": annotations}}))

    def _list(self, plural: str) -> None:
        items, version = self.store.all(plural)
        meta = {"resourceVersion": str(version)}
        head = {"apiVersion": GROUPS[plural], "kind": f"{KINDS[plural]}List", "metadata": meta}
        self._answer(200, {**head, "items": items})

    def _watch(self, plural: str, query: Mapping[str, list[str]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        since = int(query.get("resourceVersion", ["0"])[0] or 0)
        if query.get("sendInitialEvents") == ["true"]:
            items, since = self.store.all(plural)
            for content in items:
                self._send("ADDED", content)
            meta = {"resourceVersion": str(since), "annotations": {"k8s.io/initial-events-end": "true"}}
            self._send("BOOKMARK", {"apiVersion": GROUPS[plural], "kind": KINDS[plural], "metadata": meta})
        try:
            for what, content in self.store.watch(plural, since):
                self._send(what, content)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True  # the client went

    def _send(self, what: str, content: Object) -> None:
        line = json.dumps({"type": what, "object": content}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def _not_found(self, plural: str, name: str) -> None:
        self._fail(404, "NotFound", f'{plural} "{name}" not found')

    def _fail(self, code: int, reason: str, message: str) -> None:
        status = {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code}
        self._answer(code, {**status, "reason": reason, "message": message})

    def _answer(self, code: int, content: Object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _make_certificate(certificate: Path, key: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1",
               "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
