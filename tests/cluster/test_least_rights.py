"""Every right in deploy/ is tried by taking it away: something then is refused, by name, and with all of them nothing.

So a right that nobody needs fails here as one that is missing does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tools import write_manifests

from plurimus.adapters import kubeconfig
from plurimus.adapters.kubeconfig import Access
from plurimus.node.late import NODE_NAME

from . import deployed, duties, objects, programs, rights
from .addresses import PATH, serves
from .asdaemon import NODE
from .claims import device, publish, withdraw
from .client import Client, Object
from .controlplane import ControlPlane
from .rights import Right
from .waiting import eventually

Duties = Callable[[duties.Place], Awaitable[None]]

DAEMON, CALL = deployed.manifest("plurimus.yaml"), deployed.manifest("plurimus-thin.yaml")
CERTIFICATES = deployed.source("certificates/rbac.yaml")
OWNERS: dict[str, tuple[list[Object], str, Duties]] = {
    "daemon": (DAEMON, "plurimus", duties.of_daemon),
    "call": (CALL, "plurimus", duties.of_call),
    "certificate": (CERTIFICATES, "plurimus-certificates", duties.of_certificates),
    "approver": (CERTIFICATES, "plurimus-approver", duties.of_approver),
}
"""Whose rights there are, where they are written, under which name, and what they are for."""
WITHOUT = [
    pytest.param(owner, without, id=f"{owner} without {without}" if without else f"{owner} with all")
    for owner, (things, role, _) in OWNERS.items()
    for without in (None, *rights.of(things, role))
]
_numbers = count()


@pytest.fixture(scope="module", autouse=True)
def cluster(control_plane: ControlPlane) -> Iterator[None]:
    """Whose objects are asked for: whereabouts' kinds, and a device of a node."""
    admin = control_plane.admin
    for definition in (deployed.definition(), *deployed.manifest("whereabouts.yaml")):
        objects.ensure(admin, definition)
        eventually(partial(admin.get, objects.path(definition)), objects.established)
    for plural in ("ippools", "nodeslicepools", "overlappingrangeipreservations"):
        eventually(partial(serves, admin, f"{PATH}/{plural}"))
    withdraw(admin)
    publish(admin, "s1", "node-1", device("vf-1", "0000:03:00.1"), nodeName=duties.ELSEWHERE)
    yield
    withdraw(admin)


@pytest.mark.parametrize(("owner", "without"), WITHOUT)
async def test_without_a_right_something_is_refused_and_with_all_nothing(
    control_plane: ControlPlane, admin: Client, namespace: str, owner: str, without: Right | None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(NODE_NAME, NODE)
    things, role, does = OWNERS[owner]
    given = [right for right in rights.of(things, role) if right != without]
    number = next(_numbers)
    name = f"rights-{number}"
    token = rights.account(admin, name, namespace, given)
    (tmp_path / "token").write_text(token)
    try:
        rights.wait(control_plane.bearer(token), name, namespace, given)
        access = Access(control_plane.server, ca=control_plane.ca, token_file=tmp_path / "token")
        kubelet = control_plane.authority.client(f"kubelet-{name}", f"system:node:{NODE}", "system:nodes")
        node = kubeconfig.load(control_plane.write_kubeconfig(f"kubelet-{name}", kubelet))
        with capture_logs() as logs:
            place = duties.Place(name, access, admin, namespace, tmp_path, f"10.{number}.0.0/24", logs, node)
            await does(place)
    finally:
        rights.take_away(admin, name)
    lacked = rights.lacked(place.refusals)
    assert lacked == ({(without.verb, without.resource, without.group)} if without else set()), place.refusals
    if without is None:
        assert place.refusals == []


def test_no_role_of_deploy_has_rights_that_are_not_tried() -> None:
    tried = {(role, right) for things, role, _ in OWNERS.values() for right in rights.of(things, role)}
    files = [*(deployed.manifest(name) for name in (*write_manifests.MANIFESTS, "uninstall.yaml")), CERTIFICATES]
    for things in files:
        for role in rights.roles(things):
            assert {(role, right) for right in rights.of(things, role)} <= tried


def test_the_reference_says_of_each_right_what_it_is_for() -> None:
    """docs/reference/rbac.md has a table each for daemons, calls and certificates, with the rules of deploy/."""
    text = (programs.ROOT / "docs/reference/rbac.md").read_text()
    tables = re.findall(r"^\|.* verbs .*\n(?:\|.*\n)+", text, re.MULTILINE)
    daemon, call, certificates = ([_row(line) for line in table.splitlines()[2:]] for table in tables)
    told = {"daemon": [row for row, _ in daemon], "call": [row for row, _ in call],
            "certificate": [row for row, who in certificates if who != "plurimus-approver"],
            "approver": [row for row, who in certificates if who == "plurimus-approver"]}  # fmt: skip
    for owner, (things, role, _) in OWNERS.items():
        given = sorted((right.resource, right.verb) for right in rights.of(things, role))
        assert sorted((resource, verb) for resource, verbs in told[owner] for verb in verbs) == given, owner


def _row(line: str) -> tuple[tuple[str, list[str]], str]:
    """Resource and verbs, and whose they are where the table says it."""
    *who, resource, verbs, reason = (cell.strip() for cell in line.strip("|").split("|"))
    assert reason, line
    return (resource.partition(",")[0], verbs.split(", ")), "".join(who).strip("`")
