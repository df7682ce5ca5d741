"""What source-based routing leaves behind: nothing, whether it is deleted or was never finished."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError
from plurimus.drivers import call
from plurimus.drivers.sbr import Sbr

from .pods import ip
from .sourcerouting import (
    OURS,
    address,
    conf,
    ours,
    path,
    rules,
    state,
    theirs,
    twins,  # noqa: F401 - twins is a fixture
    variables,
)

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("more", [{}, {"table": 7000}], ids=["own-tables", "table"])
@pytest.mark.parametrize("added_by", [ours, theirs])
def test_one_deletes_what_the_other_made(added_by: Any, more: dict[str, Any]) -> None:
    deleted_by = theirs if added_by is ours else ours
    given = conf("10.0.1.2/24", "fd01::2/64", **more)
    address(OURS, "net1", "10.0.1.2/24", "fd01::2/64")
    added_by("ADD", given, name=OURS)
    assert {source for source, _ in rules(OURS)} == {"10.0.1.2", "fd01::2"}
    ours("CHECK", given)
    deleted_by("DEL", given, name=OURS)
    assert rules(OURS) == set()


def test_an_interface_can_be_routed_again_after_a_deletion() -> None:
    """The plugin leaves its routes, and fails on them then (plugins spec, section 11)."""
    given = conf("10.0.1.2/24")
    for _ in range(2):
        address(OURS, "net1", "10.0.1.2/24")
        ours("ADD", given)
        assert rules(OURS) == {("10.0.1.2", "100")}
        ours("DEL", given)
        ip("addr", "flush", "dev", "net1", namespace=path(OURS))


def test_deletion_finds_rules_once_the_interface_is_gone_and_leaves_those_of_others() -> None:
    for number in (1, 2):
        text = f"10.0.{number}.2/24"
        address(OURS, f"net{number}", text)
        ours("ADD", conf(text, ifname=f"net{number}"), f"net{number}")
    ip("link", "delete", "net1", namespace=path(OURS))
    ours("DEL", conf("10.0.1.2/24"))
    ours("DEL", conf("10.0.1.2/24"))
    assert rules(OURS) == {("10.0.2.2", "101")}
    given = conf("10.0.2.2/24")  # the address is another interface's by now
    ours("DEL", given)
    assert rules(OURS) == {("10.0.2.2", "101")}


@pytest.mark.parametrize("where", ["", "gone"])
def test_deletion_without_a_namespace_succeeds_and_makes_no_file(where: str) -> None:
    given = json.dumps(conf("10.0.1.2/24")).encode()
    env = variables("DEL", where, "net1") | ({} if where else {"CNI_NETNS": ""})
    asyncio.run(Sbr().delete(call.read(env, given, ())))
    assert not Path(path("gone")).exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (conf("10.0.1.2/24") | {"prevResult": None}, "put it behind them in 'plugins'"),
        (conf(), "net1 has no address"),
        (conf("10.0.1.2/24", table=0), "'table' is 0, expected a number from 1"),
        (conf("10.0.1.2/24", table="x"), "table"),
        (conf("10.0.1.2/24") | {"gateways": ["there"]}, "'gateways' has 'there', expected an address"),
        (conf("10.0.1.2/24") | {"gateways": ["10.0.1.1", "10.0.1.3"]}, "several of IPv4"),
    ],
)
def test_what_cannot_be_routed_is_refused_and_nothing_done(given: dict[str, Any], says: str) -> None:
    address(OURS, "net1", "10.0.1.2/24")
    before = state(OURS)
    with pytest.raises(PlurimusError, match=says) as refused:
        ours("ADD", given)
    assert isinstance(refused.value, ConfigError | AttachmentError)
    assert state(OURS) == before


def test_an_add_that_fails_half_way_leaves_no_rule() -> None:
    """The second gateway cannot be reached, when the first address has its rule already."""
    given = conf("10.0.1.2/24", "10.0.9.2/24")
    address(OURS, "net1", "10.0.1.2/24")
    with pytest.raises(AttachmentError, match=r"adding route default via 10\.0\.9\.1"):
        ours("ADD", given)
    assert rules(OURS) == set()
    assert "10.0.1.0/24" in ip("route", "show", namespace=path(OURS))
    assert ip("route", "show", "table", "100", namespace=path(OURS)) == ""
