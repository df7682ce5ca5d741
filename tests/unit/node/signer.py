"""An API server that has certificate signing requests, and whoever approves and signs them, and nothing else."""

from __future__ import annotations

import base64
import datetime
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plurimus.model.signing import REQUESTS
from tests import kubeconfigs

BOOTSTRAP = "bootstrap"
"""The bearer of this token is the bootstrap identity; without a token it is the certificate's owner."""
State = dict[str, Any]


class Signer:
    """`status` makes the status of each request; `refuses` says to whom the server answers 401.

    While it `is_away` it breaks connections.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.url = ""
        self.life = 1000.0
        self.asked: list[str] = []
        """Who made each request so far."""
        self.status: Callable[[bytes], State | None] = self.signed
        self.refuses: tuple[str, ...] = ()
        self.is_away = False
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._requests: dict[str, bytes] = {}

    def signed(self, request: bytes) -> State:
        return {
            "certificate": base64.b64encode(self.certificate(request)).decode(),
            "conditions": [{"type": "Approved"}],
        }

    def certificate(self, request: bytes) -> bytes:
        """What `request` asks for, valid from now on."""
        asked = x509.load_pem_x509_csr(request)
        begins = datetime.datetime.fromtimestamp(self.now(), datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(asked.subject)
            .issuer_name(x509.Name([]))
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + datetime.timedelta(seconds=self.life))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.is_away and request.transport is not None:
            request.transport.abort()
            return web.Response()
        who = request.headers.get("Authorization", "certificate").removeprefix("Bearer ")
        if who in self.refuses:
            return _refused(401)
        if request.method == "POST":
            self.asked.append(who)
            made = await request.json()
            self._requests[made["metadata"]["name"]] = base64.b64decode(made["spec"]["request"])
            return web.json_response(made, status=201)
        status = self.status(self._requests[request.path.removeprefix(f"{REQUESTS}/")])
        return _refused(404) if status is None else web.json_response({"status": status})


def _refused(code: int) -> web.Response:
    return web.json_response({"code": code, "message": "no"}, status=code)


@asynccontextmanager
async def signing(now: Callable[[], float], folder: Path) -> AsyncIterator[tuple[Signer, Path]]:
    """The server, and a kubeconfig of the bootstrap identity."""
    signer = Signer(now)
    runner = web.ServerRunner(web.Server(signer.answer), shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield signer, kubeconfigs.write(folder / "bootstrap.json", url, user={"token": BOOTSTRAP})
    finally:
        await runner.cleanup()
