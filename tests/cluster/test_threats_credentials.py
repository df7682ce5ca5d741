"""What a thief of a daemon's token can do at the API server: no more than the rights of deploy/ are for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from . import deployed, rights
from .client import Client, Object, Refused
from .controlplane import ControlPlane
from .thieves import ATTACKS, BEYOND_ITS_NODE, Stolen, stolen

_EVERYBODYS = {"authentication.k8s.io", "authorization.k8s.io"}
"""Groups of the API that tell who asks what he is and may."""


@pytest.fixture
def thief(control_plane: ControlPlane, admin: Client, namespace: str) -> Iterator[Stolen]:
    deployed.apply(admin)
    with stolen(control_plane, namespace) as thief:
        yield thief


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_what_a_daemon_is_not_for_is_refused(thief: Stolen, attack: Callable[[Stolen], Object]) -> None:
    with pytest.raises(Refused) as refused:
        attack(thief)
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden"), refused.value.text


def test_the_api_server_itself_lists_no_other_right(thief: Stolen) -> None:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    told = thief.client.post(path, review | {"spec": {"namespace": thief.namespace}})["status"]
    listed = {
        (verb, resource, group)
        for rule in told["resourceRules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for group in rule["apiGroups"]
        if group not in _EVERYBODYS
    }
    given = rights.of(deployed.manifest("plurimus.yaml"), deployed.ACCOUNT)
    assert listed == {(right.verb, right.resource, right.group) for right in given}
    assert {verb for rule in told["nonResourceRules"] for verb in rule["verbs"]} == {"get"}


@pytest.mark.parametrize("attack", BEYOND_ITS_NODE.values(), ids=BEYOND_ITS_NODE)
def test_what_roles_cannot_tell_from_its_work_they_let_it_do(thief: Stolen, attack: Callable[[Stolen], Object]) -> None:
    """So deploy/own-node.yaml is there for something."""
    assert attack(thief)["metadata"]["namespace"] == thief.namespace
