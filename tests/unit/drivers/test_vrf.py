"""What `vrf` decides without a kernel that has VRFs; the machine of tests/vm shows the rest."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import ConfigError
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.vrf import Vrf, free_table, name_of


def request(verb: str, **conf: Any) -> Call:
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_IFNAME": "net1", "CNI_NETNS": "/nowhere"}
    return call.read(env, json.dumps({"cniVersion": "1.0.0", "name": "rail", "type": "vrf", **conf}).encode(), ())


@given(st.sets(st.integers(1, 300), max_size=300))
def test_the_free_table_is_the_lowest_that_nobody_has_and_never_the_kernels(taken: set[int]) -> None:
    """The plugin takes 253 to 255, too: plugins spec section 12."""
    found = free_table(taken)
    assert found not in taken | {0, 253, 254, 255}
    assert all(table in taken or 253 <= table <= 255 for table in range(1, found))


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ({}, "'vrfname' is missing"),
        ({"vrfname": "a/b"}, "'vrfname' is 'a/b', which contains / or"),
        ({"vrfname": "x" * 16}, "which is longer than 15 bytes"),
        ({"vrfname": "blue", "table": -1}, "'table' is -1, expected 0 to 4294967295"),
        ({"vrfname": "blue", "table": 2**32}, "expected 0 to 4294967295"),
        ({"vrfname": "blue", "table": "x"}, "table"),
        ({"vrfname": "blue"}, "missing prevResult from earlier plugin"),
    ],
)
@pytest.mark.parametrize("verb", ["ADD", "CHECK"])
def test_a_configuration_that_cannot_be_is_refused(conf: dict[str, Any], says: str, verb: str) -> None:
    asked = request(verb, **conf)
    with pytest.raises(ConfigError, match=says):
        asyncio.run(Vrf().add(asked) if verb == "ADD" else Vrf().check(asked))


@pytest.mark.parametrize("conf", [{}, {"vrfname": 5}, {"vrfname": "blue", "table": "x"}])
def test_deletion_minds_neither_the_configuration_nor_a_namespace_that_is_gone(conf: dict[str, Any]) -> None:
    asyncio.run(Vrf().delete(request("DEL", **conf)))


@pytest.mark.parametrize(("conf", "name"), [({"VrfName": "blue"}, "blue"), ({"vrfname": "blue"}, "blue"), ({}, "")])
def test_deletion_finds_the_name_in_every_spelling_that_an_add_finds_it_in(conf: dict[str, Any], name: str) -> None:
    assert name_of(request("DEL", **conf)) == name
