"""The identity of a thin node's calls: a token that outlives the pod, asked for in time; else the pod's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from plurimus.adapters import kubeconfig
from plurimus.adapters.accounttoken import Issued
from plurimus.adapters.apiserver import ApiError
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import ClusterError
from plurimus.core import config
from plurimus.node.callidentity import LIFE, CallIdentity
from plurimus.node.thin import Keeper

OWN = Access("https://10.96.0.1:443", token="of the pod")
AWAY = ClusterError("no answer")
FORBIDDEN = ApiError("POST token", 403, "Forbidden", 'User "x" cannot create resource "serviceaccounts/token"')


class Issuer:
    """Answers by number, or raises what it is told to; `seconds` is how long a token lives."""

    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None
        self.seconds = float(LIFE)
        self.time = 1000.0

    async def __call__(self, access: Access, /, *, seconds: int) -> Issued:
        assert (access, seconds) == (OWN, LIFE)
        self.asked += 1
        if self.error is not None:
            raise self.error
        return Issued(f"token {self.asked}", self.seconds)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def identity(issuer: Issuer) -> CallIdentity:
    return CallIdentity(OWN, issuer, lambda: issuer.time)


def token(identity: CallIdentity) -> str | None:
    return None if identity.access is None else identity.access.token


@pytest.mark.parametrize("seconds", [LIFE, 3600])
async def test_a_token_is_renewed_at_half_its_life(issuer: Issuer, identity: CallIdentity, seconds: int) -> None:
    """F80, S15: of the life that the server gave it."""
    issuer.seconds = seconds
    assert token(identity) is None
    await identity.renew()
    assert (token(identity), identity.lasting) == ("token 1", True)
    issuer.time += seconds / 2 - 1
    await identity.renew()
    assert (token(identity), issuer.asked) == ("token 1", 1)
    issuer.time += 1
    await identity.renew()
    assert token(identity) == "token 2"


async def test_without_the_right_calls_have_the_pods_own_token_which_is_said_once(
    issuer: Issuer, identity: CallIdentity
) -> None:
    """F80: and a right that is given later counts."""
    issuer.error = FORBIDDEN
    with capture_logs() as logs:
        for _ in range(3):
            await identity.renew()
            issuer.time += 600
    assert (token(identity), identity.lasting, issuer.asked) == ("of the pod", True, 3)
    (said,) = logs
    assert "serviceaccounts/token" in said["todo"]
    issuer.error = None
    await identity.renew()
    assert token(identity) == "token 4"


async def test_a_server_that_is_away_is_asked_again_ever_more_seldom(issuer: Issuer, identity: CallIdentity) -> None:
    """F80: and the token there is stays."""
    await identity.renew()
    issuer.error = AWAY
    issuer.time += LIFE / 2
    for _ in range(3600):
        await identity.renew()
        issuer.time += 1
    assert 12 <= issuer.asked <= 20
    assert (token(identity), identity.lasting) == ("token 1", True)


@pytest.mark.parametrize("there", ["", "kept by the last pod"])
@pytest.mark.parametrize("error", [AWAY, FORBIDDEN])
async def test_a_token_of_the_last_pod_stays_while_the_server_is_away(
    tmp_path: Path, issuer: Issuer, there: str, error: Exception
) -> None:
    """F80: it may be good for longer than this pod's own, which is for a node that has none."""
    kept = tmp_path / "plurimus.d/kubeconfig"
    if there:
        kept.parent.mkdir()
        kept.write_bytes(kubeconfig.standalone(Access(OWN.server, token=there)))
    issuer.error = error
    keeper = Keeper(
        config.parse(b'{"cniConfigDir": "%s"}' % bytes(tmp_path)),
        root=Path("/"),
        program=["/bin/true"],
        access=OWN,
        clock=lambda: issuer.time,
        issue=issuer,
    )
    keeper.look()
    assert kept.exists() is bool(there)
    await keeper.once()
    keeper.check()
    assert kubeconfig.load(kept).token == (there if there and error is AWAY else "of the pod")
    issuer.error, issuer.time = None, issuer.time + 600
    await keeper.once()
    assert kubeconfig.load(kept).token == "token 2"
