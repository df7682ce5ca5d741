"""`host-device` inside the daemon with hardware, which outlives the namespace it was given to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.drivers.hostdevice.driver import HostDevice
from tests.node.givers import Giver
from tests.node.snapshot import ip, ip_json
from tests.node.twins import OURS, THEIRS, ours, path, theirs, twins
from tests.vm.inside.cards import Card, cards


@pytest.fixture
def nic() -> Iterator[Card]:
    """A card that goes to pods; home, and up as it was, in the end."""
    card = cards()[-1]
    with twins():
        yield card
    (found,) = [link for link in ip_json("-details", "link") if link.get("parentdev") == card.device.name]
    assert (found["ifname"], found.get("ifalias")) == (card.name, None)
    ip("link", "set", card.name, "up")


def driver() -> HostDevice:
    return HostDevice(Path("/"), Giver().ipam, patience=60)


def conf(card: Card, key: str) -> dict[str, Any]:
    found = ip_json("link", "show", card.name)[0]
    values = {"device": card.name, "hwaddr": found["address"], "pciBusID": card.device.name,
              "kernelpath": str(card.device.resolve())}  # fmt: skip
    return {"cniVersion": "1.0.0", "name": "nics", "type": "host-device", key: values[key]}


@pytest.mark.parametrize("key", ["device", "hwaddr", "pciBusID", "kernelpath"])
def test_a_card_goes_to_the_pod_and_comes_home_as_with_the_plugin(nic: Card, key: str) -> None:
    """Plugins spec, variants 54 and 55."""
    given, seen = conf(nic, key), []
    for name, act in ((OURS, lambda *request: ours(driver(), *request)), (THEIRS, theirs)):
        printed = act("ADD", given).replace(name, "pod")
        (inside,) = ip_json("link", "show", "net1", namespace=name)
        act("DEL", given)
        (outside,) = ip_json("link", "show", nic.name)
        seen.append(
            (printed, inside["ifalias"], "UP" in inside["flags"], "UP" in outside["flags"], outside.get("ifalias"))
        )
        ip("link", "set", nic.name, "up")
    assert seen[0] == seen[1]
    assert seen[0][1:] == (nic.name, True, False, None)


@pytest.mark.parametrize("key", ["device", "hwaddr", "pciBusID", "kernelpath"])
@pytest.mark.parametrize("taken", [False, True])
def test_a_card_whose_namespace_ended_gets_its_name_back(nic: Card, key: str, taken: bool) -> None:
    """The kernel puts it on the host under the pod's name, or as `dev<number>` where that is taken."""
    given = conf(nic, key)
    ours(driver(), "ADD", given)
    if taken:
        ip("link", "add", "net1", "type", "dummy")
    netns.delete(path(OURS))
    for _ in range(2):
        ours(driver(), "DEL", given)
    if taken:
        ip("link", "delete", "net1")


@pytest.mark.parametrize("key", ["device", "pciBusID"])
def test_a_pod_that_hides_the_card_does_not_keep_it(nic: Card, key: str) -> None:
    given = conf(nic, key)
    ours(driver(), "ADD", given)
    if key == "pciBusID":
        ip("link", "set", "net1", "down", namespace=OURS)
        ip("link", "set", "net1", "name", "mine", namespace=OURS)
        ip("link", "add", "net1", "alias", nic.name, "type", "dummy", namespace=OURS)
    else:
        ip("link", "set", "net1", "alias", "", namespace=OURS)
    ours(driver(), "DEL", given)
