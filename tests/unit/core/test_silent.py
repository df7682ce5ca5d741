"""Which running pods lack an interface, and where it is missing."""

from __future__ import annotations

import json

import pytest

from plurimus.core import silent
from plurimus.core.plan import PodReference
from plurimus.core.silent import NO_INTERFACE, NO_RECORD, NO_STATUS, Attached

POD = PodReference("ns", "pod", "uid-1")
STATUS = json.dumps([{"name": "cbr0", "interface": "eth0"}, {"name": "ns/rail", "interface": "net1"}])


def attached(*made: str, there: tuple[str, ...] = ("lo", "eth0", "net1")) -> dict[str, Attached]:
    return {"eth0": Attached("cbr0", ["eth0"], there), "net1": Attached("ns/rail", made, there)}


def kinds(found: dict[str, Attached], status: str = STATUS) -> list[tuple[str, str]]:
    return [(each.interface, each.kind) for each in silent.lacking(POD, found, status)]


def test_a_pod_that_has_everything_lacks_nothing() -> None:
    assert kinds(attached("net1")) == []


def test_an_interface_that_is_gone_from_the_pod_is_missing() -> None:
    (one,) = silent.lacking(POD, attached("net1", there=("lo", "eth0")), STATUS)
    assert (one.pod, one.uid, one.interface, one.kind) == ("ns/pod", "uid-1", "net1", NO_INTERFACE)
    assert "interface net1 of network ns/rail is on record" in one.text


@pytest.mark.parametrize("status", ["", "[]", json.dumps([{"name": "cbr0", "interface": "eth0"}])])
def test_an_interface_that_the_network_status_lacks_is_missing_there(status: str) -> None:
    assert ("net1", NO_STATUS) in kinds(attached("net1"), status)


def test_what_made_no_interface_cannot_lack_one() -> None:
    assert kinds(attached(there=("eth0",)), STATUS) == []


@pytest.mark.parametrize("status", ["{", "5", '[{"interface": 5}]'])
def test_a_status_that_cannot_be_read_says_nothing(status: str) -> None:
    assert kinds(attached("net1"), status) == []


def test_a_pod_without_a_record_lacks_all() -> None:
    one = silent.unserved(POD)
    assert (one.pod, one.interface, one.kind) == ("ns/pod", "", NO_RECORD)
