"""An identity towards the API server that is always the current one: TLS and the Authorization header.

Token and certificate files are looked at before every request and read again when they changed, so a
rotated token is used at once (S15).  A credential program is run when what it gave last has expired.

Kubernetes: "Authenticating", "client-go credential plugins"; spec section 2.8.
"""

from __future__ import annotations

import datetime
import json
import os
import ssl
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import process
from plurimus.adapters.kubeconfig import Access, ExecPlugin
from plurimus.cni import gojson
from plurimus.cni.errors import ClusterError, ConfigError

_EXEC_TIMEOUT = 60.0
_EARLY = 60.0
"""Seconds before its end that a credential counts as expired."""

Stamp = tuple[tuple[int, int], ...]


class Credentials:
    """The current TLS context and headers for `access`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context: tuple[Stamp, ssl.SSLContext] | None = None
        self._token: tuple[Stamp, str] | None = None
        self._ran: tuple[float, str] | None = None

    def tls(self) -> ssl.SSLContext | None:
        """The context for the next connection; None for plain HTTP.

        Raises:
            ConfigError: a certificate or key cannot be read.
        """
        if not self._access.server.startswith("https:"):
            return None
        files = [self._access.ca, self._access.certificate, self._access.key]
        stamp = _stamp([file for file in files if isinstance(file, Path)])
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, _context(self._access))
        return self._context[1]

    async def headers(self) -> dict[str, str]:
        """The Authorization header for the next request; empty where the certificate is the identity.

        Raises:
            ClusterError: the token file or the credential program fails for now.
        """
        token = await self._current_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def _current_token(self) -> str:
        if self._access.exec is not None:
            return await self._from_program(self._access.exec)
        path = self._access.token_file
        if path is None:
            return self._access.token
        stamp = _stamp([path])
        if self._token is None or self._token[0] != stamp:
            try:
                self._token = (stamp, path.read_text().strip())
            except OSError as error:
                raise ClusterError(f"service account token {path}: {error.strerror}") from error
        return self._token[1]

    async def _from_program(self, plugin: ExecPlugin) -> str:
        if self._ran is None or self._ran[0] <= time.time():
            self._ran = await _run(plugin)
        return self._ran[1]

    def forget(self) -> None:
        """Read or run everything anew for the next request: the server refused what there was."""
        self._token = self._ran = self._context = None


def _stamp(files: list[Path]) -> Stamp:
    found = []
    for file in files:
        try:
            stat = file.stat()
            found.append((stat.st_mtime_ns, stat.st_ino))
        except OSError:
            found.append((0, 0))
    return tuple(found)


def _context(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if isinstance(access.ca, Path):
            context.load_verify_locations(cafile=access.ca)
        elif access.ca is not None:
            context.load_verify_locations(cadata=access.ca.decode())
        if access.certificate is not None and access.key is not None:
            _load_identity(context, access.certificate, access.key)
    except (OSError, ValueError) as error:
        raise ConfigError(f"identity for {access.server}: {error}") from error
    return context


def _load_identity(context: ssl.SSLContext, certificate: Path | bytes, key: Path | bytes) -> None:
    """OpenSSL reads a client's identity from files only; data goes through a file nobody else sees."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, source in (("certificate", certificate), ("key", key)):
            path = source if isinstance(source, Path) else Path(folder) / name
            if isinstance(source, bytes):
                path.write_bytes(source)
            paths.append(path)
        context.load_cert_chain(str(paths[0]), str(paths[1]))


async def _run(plugin: ExecPlugin) -> tuple[float, str]:
    """When the credential ends (seconds since 1970), and its token."""
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {**os.environ, **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    what = f"credential program {plugin.command!r}"
    try:
        done = await process.run([plugin.command, *plugin.arguments], env=env, stdin=b"", timeout=_EXEC_TIMEOUT)
        if done.status != 0:
            text = done.stderr.decode(errors="replace").strip()[-500:]
            raise ClusterError(f"{what} failed with status {done.status}: {text}")
        status: Mapping[str, str] = gojson.decode_object(done.stdout)["status"]
        return _expiry(status.get("expirationTimestamp")), status["token"]
    except (OSError, TimeoutError, process.OutputTooLong, ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{what} gave no token: {error}") from error


def _expiry(text: str | None) -> float:
    if not text:
        return float("inf")
    return datetime.datetime.fromisoformat(text).timestamp() - _EARLY
