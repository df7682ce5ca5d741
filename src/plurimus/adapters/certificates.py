"""A client's certificate and its key, in one file that is always whole.

`multus-client-current.pem` in a folder is a link to a file with a date in its name; the next one is written beside it,
then the link is turned.  The names are those of Multus, which goes on with what we leave, as we do with what it
leaves.

Spec section 7.8; decision 17.
"""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from plurimus.adapters import files, process
from plurimus.cni.errors import ClusterError
from plurimus.model.signing import Certificate, NewKey

CURRENT = "multus-client-current.pem"
_DATED = "multus-client-{}.pem"
_TIMEOUT = 60.0


async def new_key(name: str, organization: str) -> NewKey:
    """A key of this moment, and a request for a certificate of `name` in `organization`.

    Raises:
        ClusterError: it could not be made this time.
    """
    made = await _x509("make", msgspec.json.encode([name, organization]))
    return msgspec.json.decode(made, type=NewKey)


class CertificateFile:
    """The current certificate in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / CURRENT

    async def read(self) -> Certificate | None:
        """The certificate, or None without a file.

        Raises:
            ClusterError: the file cannot be read, or is no certificate with its key.
        """
        try:
            return await self._described(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ClusterError(f"{self.path}: {error.strerror}") from error

    async def store(self, certificate: str, key: str, *, now: float) -> Certificate:
        """Take a new one in the old one's place, durably; `now` is in its name, in seconds since 1970.

        Raises:
            ClusterError: it is no certificate of this key.
            AttachmentError: it cannot be written; the old one is as it was.
        """
        content = f"{certificate.strip()}\n{key.strip()}\n".encode()
        described = await self._described(content)
        stamp = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d-%H-%M-%S-%f")
        dated = self.path.with_name(_DATED.format(stamp))
        files.replace(dated, content, durable=True)
        self._turn_to(dated)
        return described

    def _turn_to(self, dated: Path) -> None:
        link = self.path.with_name(f".{CURRENT}.tmp")
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(dated.name)
            link.replace(self.path)
            files.sync_folder(self.path.parent)
        except OSError as error:
            raise files.io_error(self.path, "write", error) from error
        every = _DATED.format("[0-9]*")
        for old in (*self.path.parent.glob(every), *self.path.parent.glob(files.temporary_name(every))):
            if old.name != dated.name:
                with contextlib.suppress(OSError):
                    old.unlink()

    async def _described(self, content: bytes) -> Certificate:
        try:
            return msgspec.json.decode(await _x509("describe", content), type=Certificate)
        except ClusterError as error:
            raise error.about(f"{self.path}: ") from None


async def _x509(what: str, given: bytes) -> bytes:
    """What `adapters.x509` answers, in a process of its own: what it needs memory for is gone with it."""
    command: Sequence[str] = (sys.executable, "-I", "-m", "plurimus.adapters.x509", what)
    try:
        done = await process.run(command, env={}, stdin=given, timeout=_TIMEOUT)
    except (OSError, TimeoutError, process.OutputTooLong) as error:
        raise ClusterError(f"the program for certificates did not run: {error or type(error).__name__}") from error
    if done.status != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ClusterError(said[-1] if said else f"the program for certificates ended with status {done.status}")
    return done.stdout
