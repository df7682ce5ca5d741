"""The daemon's certificate through time: a clock that the test sets, and an API server that answers as it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.certificates import CURRENT
from plurimus.adapters.signing import Denied
from plurimus.cni.errors import AttachmentError, ClusterError, ConfigError
from plurimus.core import config
from plurimus.core.config import PerNodeCertificate
from plurimus.node import identity
from plurimus.node.identity import NodeIdentity
from tests.patience import until

from .signer import BOOTSTRAP, Signer, signing

START = 1_800_000_000.0
OWN = "certificate"


class Clock:
    """The time of day, as the test wants it; `looks` is how often somebody wanted to know."""

    def __init__(self) -> None:
        self.time, self.looks = START, 0

    def __call__(self) -> float:
        self.looks += 1
        return self.time

    async def looked_at(self, times: int) -> None:
        """Until it was looked at so many times more."""
        await until(lambda seen=self.looks: self.looks >= seen + times)


class Node:
    """A signer, and daemons one after another on a node that keeps its files."""

    def __init__(self, folder: Path, clock: Clock, signer: Signer, bootstrap: Path) -> None:
        self.clock, self.signer = clock, signer
        self._config = PerNodeCertificate(enabled=True, bootstrap_kubeconfig=str(bootstrap), cert_dir=str(folder / "c"))
        self.current = folder / "c" / CURRENT

    @asynccontextmanager
    async def daemon(self, name: str = "node-1", pause: float = 0.01) -> AsyncIterator[NodeIdentity]:
        own = NodeIdentity(
            self._config, name, timeout=1.0, now=self.clock, chance=lambda: 0.5, look=0.005, pause=pause
        )  # fmt: skip
        try:
            yield own
        finally:
            await own.close()

    async def new_file(self, old: Path) -> Path:
        await until(lambda: self.current.readlink() != old)
        return self.current.readlink()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    clock = Clock()
    async with signing(clock, tmp_path) as (signer, bootstrap):
        yield Node(tmp_path, clock, signer, bootstrap)


async def test_a_certificate_is_renewed_in_time_and_not_before(node: Node) -> None:
    """F76: three quarters of its life is when this node's chance wants it; it renews with itself, time after time."""
    async with node.daemon() as own:
        await own.obtain()
        async with own.renewed():
            for _ in range(3):
                file, count = node.current.readlink(), len(node.signer.asked)
                node.clock.time += 749
                await node.clock.looked_at(5)
                assert len(node.signer.asked) == count
                node.clock.time += 2
                await node.new_file(file)
    assert node.signer.asked == [BOOTSTRAP, OWN, OWN, OWN]


async def test_a_daemon_that_starts_anew_goes_on_where_the_last_one_was(node: Node) -> None:
    """F76: with the same file, renewed at its time; the API server need not be there for the start."""
    async with node.daemon() as own:
        await own.obtain()
    file = node.current.readlink()
    node.clock.time += 700
    node.signer.refuses = (BOOTSTRAP, OWN)
    async with node.daemon() as own:
        await own.obtain()
        assert node.current.readlink() == file
        node.signer.refuses = (BOOTSTRAP,)
        async with own.renewed():
            node.clock.time += 60
            await node.new_file(file)
    assert node.signer.asked == [BOOTSTRAP, OWN]


@pytest.mark.parametrize(
    ("later", "name", "torn"),
    [
        pytest.param(1000, "node-1", False, id="expired"),
        pytest.param(1, "node-2", False, id="of-another-node"),
        pytest.param(1, "node-1", True, id="torn"),
    ],
)
async def test_a_certificate_that_cannot_be_used_is_asked_for_anew(
    node: Node, later: float, name: str, torn: bool
) -> None:
    """F76: by the bootstrap identity."""
    async with node.daemon() as own:
        await own.obtain()
    if torn:
        node.current.write_bytes(node.current.read_bytes()[:100])
    node.clock.time += later
    async with node.daemon(name) as own:
        await own.obtain()
        assert node.current.stat().st_size > 100
    assert node.signer.asked == [BOOTSTRAP, BOOTSTRAP]


async def test_renewals_that_fail_leave_the_old_one_and_are_logged_once(node: Node) -> None:
    """F76: until its end with itself, then with the bootstrap identity; what works in the end counts."""
    with capture_logs() as logs:
        await _fail_and_succeed(node)
    assert [log["log_level"] for log in logs if "is not renewed" in log["event"]] == ["warning"]


async def _fail_and_succeed(node: Node) -> None:
    async with node.daemon() as own:
        await own.obtain()
        file, content = node.current.readlink(), node.current.read_bytes()
        node.signer.status = lambda _: {"conditions": [{"type": "Denied", "reason": "No", "message": "not today"}]}
        async with own.renewed():
            node.clock.time += 800
            await until(lambda: node.signer.asked.count(OWN) >= 3)
            node.clock.time += 300
            await until(lambda: node.signer.asked.count(BOOTSTRAP) >= 3)
            assert node.current.read_bytes() == content
            node.signer.status = node.signer.signed
            await node.new_file(file)


async def test_a_certificate_that_is_refused_is_replaced_before_its_time(node: Node) -> None:
    """F76: the cluster has another authority; whoever uses the identity hears of it first."""
    async with node.daemon() as own:
        await own.obtain()
        file = node.current.readlink()
        node.clock.time += 1
        node.signer.refuses = (OWN,)
        api = ApiServer(own.access, timeout=1.0)
        async with own.renewed():
            with pytest.raises(ClusterError, match="401"):
                await api.get("/api/v1/pods", dict)
            await node.new_file(file)
        await api.close()
    assert node.signer.asked == [BOOTSTRAP, BOOTSTRAP]


async def test_one_that_ended_while_the_api_server_was_away_is_replaced_as_soon_as_that_refuses_it(node: Node) -> None:
    """Whoever uses the identity hears first that the server is back; what is waited for else may be minutes away."""
    with capture_logs() as logs:
        async with node.daemon(pause=600.0) as own:
            await own.obtain()
            file = node.current.readlink()
            node.signer.is_away = True
            async with own.renewed():
                node.clock.time += 1100
                await until(lambda: any("is not renewed" in log["event"] for log in logs))
                node.signer.is_away, node.signer.refuses = False, (OWN,)
                api = ApiServer(own.access, timeout=1.0)
                with pytest.raises(ClusterError, match="401"):
                    await api.get("/api/v1/pods", dict)
                await api.close()
                await node.new_file(file)
    assert node.signer.asked == [BOOTSTRAP, BOOTSTRAP]


async def test_a_clock_that_is_wrong_makes_no_flood_of_requests(node: Node) -> None:
    """F76: the new certificate is due at once, as on a node whose clock is far ahead, and has to wait all the same."""
    async with node.daemon(pause=60.0) as own:
        await own.obtain()
        file = node.current.readlink()
        node.signer.now = lambda: node.clock.time - 900
        node.clock.time += 800
        async with own.renewed():
            await node.new_file(file)
            await asyncio.sleep(0.3)  # long enough for several
    assert node.signer.asked == [BOOTSTRAP, OWN]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param({"conditions": [{"type": "Denied", "reason": "No", "message": "m"}]},
                     "was denied: No: m", id="denied"),
        pytest.param({"conditions": [{"type": "Approved"}, {"type": "Failed", "reason": "Bad", "message": "m"}]},
                     "could not be signed: Bad: m", id="failed"),
        pytest.param(None, "was removed before anybody signed it", id="removed"),
    ],
)  # fmt: skip
async def test_a_start_that_cannot_succeed_ends_at_once_and_says_why(
    node: Node, status: dict[str, Any] | None, words: str
) -> None:
    """F76."""
    node.signer.status = lambda _: status
    async with node.daemon() as own:
        with pytest.raises(Denied, match=f"node node-1 has no certificate to start with: .* {words}"):
            await own.obtain()
    assert len(node.signer.asked) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param({}, "waits for approval: see that `plurimus approve` runs", id="undecided"),
        pytest.param({"conditions": [{"type": "Approved"}]}, "--cluster-signing-cert-file", id="approved"),
    ],
)
async def test_a_start_that_waits_in_vain_says_for_whom(node: Node, status: dict[str, Any], words: str) -> None:
    """F76."""
    node.signer.status = lambda _: status
    async with node.daemon() as own:
        with pytest.raises(ClusterError, match=words):
            await own.obtain(within=0.5)


async def test_a_folder_that_cannot_be_written_ends_the_start(node: Node) -> None:
    """F76: asking again would not help."""
    node.current.parent.touch()
    async with node.daemon() as own:
        with pytest.raises(AttachmentError, match=str(node.current.parent)):
            await own.obtain()
    assert len(node.signer.asked) == 1


def read(**document: Any) -> config.ConfigFile:
    return config.parse(json.dumps(document).encode())


WANTED = {"enabled": True, "bootstrapKubeconfig": "/b", "certDir": "/c"}


@pytest.mark.parametrize("key", ["bootstrapKubeconfig", "certDir"])
def test_a_key_that_is_missing_is_named_at_start(key: str) -> None:
    """F76; spec section 7.8."""
    with pytest.raises(ConfigError, match=f"'perNodeCertificate.{key}' is '', expected "):
        read(perNodeCertificate={name: value for name, value in WANTED.items() if name != key})


def test_a_duration_is_checked_at_start() -> None:
    """F76."""
    with pytest.raises(ConfigError, match=r"'perNodeCertificate.certDuration' is '5m'"):
        read(perNodeCertificate=WANTED | {"certDuration": "5m"})


def test_a_node_without_a_name_is_told_which_variable_is_missing() -> None:
    """F76; spec section 7.8."""
    with pytest.raises(ConfigError, match="MULTUS_NODE_NAME is not set"):
        identity.make(read(perNodeCertificate=WANTED), "")


@pytest.mark.parametrize("document", [{}, {"perNodeCertificate": WANTED | {"enabled": False}},
                                      {"perNodeCertificate": WANTED, "manifests": "/m"}])  # fmt: skip
def test_nobody_who_does_not_want_one_gets_a_certificate(document: dict[str, Any]) -> None:
    assert identity.make(read(**document), "node-1") is None
