"""An identity towards the API server that is always the current one: TLS and the Authorization header.

Token and certificate files are looked at before every request and read again when they changed, so a
rotated token is used at once (S15).  A credential program is run when what it gave last has expired.  What cannot be
read is a passing failure: files are replaced one after another.

Kubernetes: "Authenticating", "client-go credential plugins"; spec section 2.8.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from plurimus.adapters import process
from plurimus.adapters.kubeconfig import Access, ExecPlugin
from plurimus.cni.errors import ClusterError

_EXEC_TIMEOUT = 60.0
_EARLY = 60.0
"""Seconds before its end that a credential counts as expired."""

Stamp = tuple[tuple[int, int, int], ...]


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    """What a credential program gives: a token, or a certificate and its key in PEM, or both."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None


class _Credential(msgspec.Struct, frozen=True):
    status: _Status


class Credentials:
    """The current TLS context and headers for `access`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context: tuple[Stamp, ssl.SSLContext] | None = None
        self._token: tuple[Stamp, str] | None = None
        self._ran: tuple[float, _Status] | None = None
        self._running = asyncio.Lock()

    async def current(self) -> tuple[dict[str, str], ssl.SSLContext | None]:
        """The headers for the next request, and its TLS context: None for plain HTTP.

        There is no Authorization header where a certificate is the identity.

        Raises:
            ClusterError: a file or the credential program fails for now.
        """
        given = _Status() if self._access.exec is None else await self._given(self._access.exec)
        token = given.token or self._own_token()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ClusterError(f"the token for {self._access.server} has characters no HTTP header may have")
        return ({"Authorization": f"Bearer {token}"} if token else {}), self._tls(given)

    def _tls(self, given: _Status) -> ssl.SSLContext | None:
        if not self._access.server.startswith("https:"):
            return None
        files = [self._access.ca, self._access.certificate, self._access.key]
        stamp = _stamp([file for file in files if isinstance(file, Path)])
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, _context(self._access, given))
        return self._context[1]

    def _own_token(self) -> str:
        path = self._access.token_file
        if path is None:
            return self._access.token
        stamp = _stamp([path])
        if self._token is None or self._token[0] != stamp:
            try:
                token = path.read_bytes().decode(errors="replace").strip()
            except OSError as error:
                raise ClusterError(f"service account token {path}: {error.strerror}") from error
            if not token:
                raise ClusterError(f"service account token {path}: the file is empty")
            self._token = (stamp, token)
        return self._token[1]

    async def _given(self, plugin: ExecPlugin) -> _Status:
        async with self._running:
            if self._ran is None or self._ran[0] <= time.time():
                self._ran, self._context = await _run(plugin), None
            return self._ran[1]

    def forget(self) -> None:
        """Read or run everything anew for the next request: the server refused what there was."""
        self._token = self._ran = self._context = None
        self._access.refused()


def _stamp(files: list[Path]) -> Stamp:
    found = []
    for file in files:
        try:
            stat = file.stat()
            found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
        except OSError:
            found.append((0, 0, 0))
    return tuple(found)


def _context(access: Access, given: _Status) -> ssl.SSLContext:
    try:
        ca = access.ca
        if isinstance(ca, Path):
            context = ssl.create_default_context(cafile=ca)
        else:
            context = ssl.create_default_context(cadata=None if ca is None else ca.decode())
        # clusters make their own authorities, and many lack extensions that strict verification wants
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if given.client_certificate_data and given.client_key_data:
            _load_identity(context, given.client_certificate_data.encode(), given.client_key_data.encode())
        elif access.certificate is not None and access.key is not None:
            _load_identity(context, access.certificate, access.key)
    except (OSError, ValueError) as error:
        raise ClusterError(f"identity for {access.server}: {error}") from error
    return context


def _load_identity(context: ssl.SSLContext, certificate: Path | bytes, key: Path | bytes) -> None:
    """OpenSSL reads a client's identity from files only; data is in one of memory, for a disk may be read-only."""
    with contextlib.ExitStack() as opened:
        paths = [
            str(source) if isinstance(source, Path) else opened.enter_context(_in_memory(source))
            for source in (certificate, key)
        ]
        context.load_cert_chain(*paths)


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A path at which this process finds `content`."""
    handle = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


async def _run(plugin: ExecPlugin) -> tuple[float, _Status]:
    """When the credential ends (seconds since 1970), and what it is."""
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
    env = {**process.inherited(), **plugin.env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    what = f"credential program {plugin.command!r}"
    try:
        done = await process.run([plugin.command, *plugin.arguments], env=env, stdin=b"", timeout=_EXEC_TIMEOUT)
        if done.status != 0:
            text = done.stderr.decode(errors="replace").strip()[-500:]
            raise ClusterError(f"{what} failed with status {done.status}: {text}")
        status = msgspec.json.decode(done.stdout, type=_Credential).status
        ends = _expiry(status.expiration_timestamp)
    except (OSError, TimeoutError, process.OutputTooLong, ValueError) as error:
        raise ClusterError(f"{what} gave no credential: {_words(error)}") from error
    if not status.token and not status.client_certificate_data:
        raise ClusterError(f"{what} gave neither a token nor a certificate")
    return ends, status


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _expiry(text: str | None) -> float:
    if not text:
        return float("inf")
    return datetime.datetime.fromisoformat(text).timestamp() - _EARLY
