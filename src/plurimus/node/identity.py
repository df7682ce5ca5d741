"""Who the daemon is to the API server where each node has a certificate of its own.

Without a valid one, a key is made and a certificate asked for with the bootstrap kubeconfig.  It is renewed long
before it ends, with itself as the credential, or with the bootstrap's where it is refused.  While that fails the daemon
goes on with what it has.

Decision 17; spec section 7.8.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import structlog

from plurimus.adapters import kubeconfig, signing
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.certificates import CURRENT, CertificateFile, new_key
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import ClusterError, ConfigError, PlurimusError
from plurimus.core import certificates
from plurimus.core.config import ConfigFile, PerNodeCertificate
from plurimus.model.signing import GROUP, Certificate, user

AT_START = 120.0
"""Seconds the first certificate may take."""
_LATER = 3600.0
"""Seconds a renewal waits for approval; then it is asked for anew."""
_FIRST_PAUSE, _MOST_PAUSE = 10.0, 300.0
_LOOK = 30.0
"""Seconds after which the clock is looked at again: it may be set, and machines sleep."""
_log = structlog.get_logger(__name__)
T = TypeVar("T")


def make(config: ConfigFile, node: str) -> NodeIdentity | None:
    """The identity of `node`; None where the file asks for none, or no API server is asked.

    Raises:
        ConfigError: something is missing.
    """
    wanted = config.daemon.per_node_certificate
    if not wanted.enabled or config.daemon.manifests:
        return None
    if not node:
        raise ConfigError(
            "'perNodeCertificate' is enabled, and MULTUS_NODE_NAME is not set: it must be the node's name"
        )
    return NodeIdentity(wanted, node, timeout=config.daemon.api_timeout)


def access(config: PerNodeCertificate) -> Access:
    """The bootstrap's API server, and the certificate in `certDir`.

    Raises:
        ConfigError: the bootstrap kubeconfig cannot be read.
    """
    current = Path(config.cert_dir) / CURRENT
    bootstrap = kubeconfig.load(Path(config.bootstrap_kubeconfig))
    return replace(bootstrap, token="", token_file=None, exec=None, certificate=current, key=current)


class NodeIdentity:
    """Gets and renews the certificate of `node`; `access` is whoever has it at the moment.

    `now` is the time of day in seconds, `chance` gives numbers from 0 to 1, `timeout` is for one answer of the API
    server, `look` for one look at the clock, `pause` how long it rests at least behind an attempt.
    """

    def __init__(
        self,
        config: PerNodeCertificate,
        node: str,
        *,
        timeout: float,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        look: float = _LOOK,
        pause: float = _FIRST_PAUSE,
    ) -> None:
        self._node, self._now, self._chance, self._look, self._pause = node, now, chance, look, pause
        self._seconds = certificates.seconds(config.cert_duration)
        self._file = CertificateFile(Path(config.cert_dir))
        self._refused = asyncio.Event()
        self.access = replace(access(config), refused=self._refused.set)
        self._own = ApiServer(self.access, timeout=timeout)
        self._bootstrap = ApiServer(kubeconfig.load(Path(config.bootstrap_kubeconfig)), timeout=timeout)
        self._ends = self._renewal = 0.0

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Renew meanwhile."""
        renewing = asyncio.create_task(self.run())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def close(self) -> None:
        await self._own.close()
        await self._bootstrap.close()

    async def obtain(self, *, within: float = AT_START) -> None:
        """Have a valid certificate: the one that is there, or a new one.

        Raises:
            ClusterError: there is none after `within` seconds, or it was denied; the text says why.
            AttachmentError: it cannot be written.
        """
        if await self._take_stored():
            return None
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + within, 1.0
        while True:
            try:
                return await self._issue(within=end - loop.time())
            except ClusterError as error:
                if isinstance(error, signing.Denied) or loop.time() + pause >= end:
                    raise error.about(f"node {self._node} has no certificate to start with: ") from None
                _log.warning("no certificate yet", error=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _FIRST_PAUSE)

    async def run(self) -> None:
        """Renew, for ever, whatever happens; what fails is tried again, ever more seldom."""
        pause, failing = self._pause, False
        while True:
            await self._due()
            calm = not self._refused.is_set()
            failed = not await self._renew(quiet=failing)
            if calm and not failed and self._renewal > self._now():
                pause = self._pause
            away = failed and not self._bootstrap.answers.is_set()
            await self._rest(pause * random.uniform(0.5, 1.5), away=away)
            if not failed:
                self._refused.clear()
            pause, failing = min(2 * pause, _MOST_PAUSE), failed

    async def _rest(self, seconds: float, *, away: bool) -> None:
        """For so long, or, where the API server is `away`, until it refuses who uses the identity: it is back."""
        if away:
            self._refused.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._refused.wait()
        else:
            await asyncio.sleep(seconds)

    async def _due(self) -> None:
        """Wait until the certificate is to be renewed: it is its time, or the API server does not know it any more."""
        while (left := self._renewal - self._now()) > 0 and not self._refused.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._refused.wait(), min(left, self._look))

    async def _renew(self, *, quiet: bool) -> bool:
        try:
            await self._issue(within=_LATER)
        except PlurimusError as error:
            if not quiet:
                _log.warning("the node's certificate is not renewed; the old one serves on", error=str(error),
                             until=_time(self._ends))  # fmt: skip
            return False
        except Exception:  # noqa: BLE001 - without renewal the daemon ends with its certificate
            _log.exception("the node's certificate is not renewed, for a reason nobody foresaw")
            return False
        return True

    async def _take_stored(self) -> bool:
        """Whether there is a valid certificate of this node, which is taken."""
        try:
            found = await self._file.read()
        except PlurimusError as error:
            _log.warning("the node's certificate cannot be used; asking for a new one", error=str(error))
            return False
        if found is None or found.name != user(self._node) or found.ends <= self._now():
            return False
        self._take(found)
        return True

    async def _issue(self, *, within: float) -> None:
        """A new key and its certificate, in place of what there is."""
        made = await new_key(user(self._node), GROUP)
        name = signing.new_name(self._node)
        await self._ask(lambda api: signing.create(api, name, made.request, seconds=self._seconds))
        _log.info("asked for a certificate of this node", request=name)
        certificate = await signing.outcome(self._ask, name, within=within)
        self._take(await self._file.store(certificate, made.key, now=self._now()))

    def _take(self, certificate: Certificate) -> None:
        self._ends, self._renewal = certificate.ends, certificates.renewal(certificate, self._chance())
        _log.info("the daemon is known by its node's certificate", user=certificate.name, until=_time(self._ends),
                  renewal=_time(self._renewal))  # fmt: skip

    async def _ask(self, request: Callable[[ApiServer], Awaitable[T]]) -> T:
        """Do a request as the node's daemon while it is known as that, else by the bootstrap kubeconfig."""
        if self._now() < self._ends and not self._refused.is_set():
            with contextlib.suppress(ClusterError):
                return await request(self._own)
        return await request(self._bootstrap)


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
