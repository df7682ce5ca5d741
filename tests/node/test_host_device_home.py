"""How interfaces of the host come home from pods: after a deletion, whatever happened meanwhile, and a failed ADD."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink, Request
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.drivers import call
from plurimus.drivers.hostdevice import conf as hostdevice
from plurimus.drivers.hostdevice import move

from .givers import Giver
from .hostdevices import (
    GIVEN,
    MAC,
    NIC,
    WITH_ADDRESSES,
    alias,
    conf,
    driver,
    host,
    nics,  # noqa: F401 - nics is a fixture
    pool,
)
from .snapshot import ip, ip_json, kernel
from .twins import OURS, ours, path, variables

pytestmark = pytest.mark.usefixtures("root")


def strayed(name: str) -> None:
    """Have the interface on the host as the kernel puts hardware there whose namespace ended."""
    ip("link", "set", NIC, "down")
    ip("link", "set", NIC, "alias", NIC)
    ip("link", "set", NIC, "name", name)


@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize("fails", ["ipam", "name", "address", "namespace"])
def test_a_failed_add_leaves_everything_as_it_was(fails: str, state: str) -> None:
    """Plugins spec, variant 57; the plugin leaves the interface in the pod where IPAM fails."""
    ip("link", "set", NIC, "alias", "of the rack", state)
    routes = [{"dst": "10.9.0.0/16", "gw": "172.16.0.1"}] if fails == "address" else []
    giver = pool(routes=routes)
    giver.fails |= {"ADD"} if fails == "ipam" else set()
    more = WITH_ADDRESSES
    if fails == "name":
        ip("link", "add", "net1", "type", "veth", "peer", "name", "other", namespace=OURS)
    before, pod = host(), kernel(OURS)
    with pytest.raises(PlurimusError, match=r"giver fails|already|adding route|cannot be opened"):
        ours(driver(giver), "ADD", conf(more), name="nowhere" if fails == "namespace" else OURS)
    assert host() == before
    assert alias(NIC) == "of the rack"
    assert kernel(OURS) == pod
    assert giver.verbs == {"ipam": ["ADD"], "address": ["ADD", "DEL"]}.get(fails, [])
    ours(driver(), "DEL", conf(more))
    assert kernel(OURS) == pod
    assert host() == before


def test_a_move_that_is_refused_half_way_is_undone() -> None:
    """The name is free when it is looked for, and taken when the interface comes: it is in the pod by then."""
    before = host()

    def take() -> None:
        if "net1" not in kernel(OURS)["links"]:
            ip("link", "add", "net1", "type", "veth", "peer", "name", "other", namespace=OURS)

    giver = Giver(take, **GIVEN)
    with pytest.raises(AttachmentError, match=f"moving {NIC} to .* as 'net1'"):
        ours(driver(giver), "ADD", conf(WITH_ADDRESSES))
    assert host() == before
    assert alias(NIC) is None
    assert NIC not in kernel(OURS)["links"]
    assert giver.verbs == ["ADD", "DEL"]


@pytest.mark.parametrize("where", [OURS, "", "gone"])
def test_deletion_can_be_repeated_whatever_is_gone(where: str) -> None:
    """Plugins spec, variant 58; without the namespace the plugin fails, or keeps the addresses."""
    giver, more = pool(), WITH_ADDRESSES
    before = host()
    ours(driver(giver), "ADD", conf(more))
    ours(driver(giver), "DEL", conf(more))
    for _ in range(2):
        ours(driver(giver), "DEL", conf(more), name=where)
    assert host() == before
    assert giver.verbs == ["ADD", "DEL", "DEL", "DEL"]


def test_a_virtual_interface_that_ended_with_its_namespace_is_not_waited_for_for_ever() -> None:
    giver = pool()
    ours(driver(giver), "ADD", conf(WITH_ADDRESSES))
    netns.delete(path(OURS))
    with capture_logs() as logs:
        ours(driver(giver), "DEL", conf(WITH_ADDRESSES))
    assert [each["log_level"] for each in logs] == ["warning"]
    assert giver.asked[-1] == ("DEL", False)


@pytest.mark.parametrize("more", [{"device": NIC}, {"hwaddr": MAC}])
@pytest.mark.parametrize("name", ["net1", "dev5"])
@pytest.mark.parametrize("verb", ["DEL", "ADD"])
def test_an_interface_whose_namespace_ended_gets_its_name_back(more: dict[str, Any], name: str, verb: str) -> None:
    before = host()
    strayed(name)
    ours(driver(), verb, conf(more), name=OURS if verb == "ADD" else "gone")
    if verb == "ADD":
        assert alias("net1", OURS) == NIC
        ours(driver(), "DEL", conf(more))
    assert host() == before
    assert alias(NIC) is None


def test_an_interface_that_merely_has_an_alias_is_left_alone() -> None:
    ip("link", "set", f"{NIC}-peer", "alias", "eth77")
    before = host()
    with pytest.raises(AttachmentError, match="this node has no interface called 'eth77'"):
        ours(driver(), "ADD", conf({"device": "eth77"}))
    ours(driver(), "DEL", conf({"device": "eth77"}))
    assert host() == before


def test_an_interface_whose_name_is_taken_meanwhile_comes_home_under_another() -> None:
    ours(driver(), "ADD", conf())
    ip("link", "add", NIC, "type", "veth", "peer", "name", "other")
    with capture_logs() as logs:
        ours(driver(), "DEL", conf())
    assert "under another name" in logs[0]["event"]
    assert "net1" not in kernel(OURS)["links"]
    names = {each["ifname"] for each in ip_json("link", "show") if each["address"] == MAC}
    assert [name.rstrip("0123456789") for name in names] == ["dev"]
    ip("link", "delete", NIC)


def test_an_interface_the_pod_renamed_comes_home_and_nothing_else_does() -> None:
    before = host()
    ours(driver(), "ADD", conf())
    ip("link", "set", "net1", "down", namespace=OURS)
    ip("link", "set", "net1", "name", "mine", namespace=OURS)
    ip("link", "add", "net1", "type", "veth", "peer", "name", "other", namespace=OURS)
    ours(driver(), "DEL", conf())
    assert host() == before
    assert "net1" in kernel(OURS)["links"]


def test_an_interface_that_is_meant_by_another_of_its_names_gets_its_own_back() -> None:
    ip("link", "property", "add", "dev", NIC, "altname", "port-of-rail-7")
    before = host()
    given = conf({"device": "port-of-rail-7"})
    ours(driver(), "ADD", given)
    assert alias("net1", OURS) == NIC
    ours(driver(), "DEL", given)
    assert host() == before
    assert alias(NIC) is None


def test_addresses_stay_given_where_a_failed_add_cannot_be_undone(tmp_path: Path) -> None:
    """The interface may have them, so nobody else gets them before the DEL that follows."""
    folder = tmp_path / "run/plurimus"

    def spoil() -> None:
        if folder.is_dir():
            folder.rename(tmp_path / "aside")
            folder.touch()

    giver = Giver(spoil, **GIVEN)
    with pytest.raises(AttachmentError, match="cannot lock") as refused:
        ours(driver(giver, tmp_path), "ADD", conf(WITH_ADDRESSES))
    assert "while undoing: cannot lock" in refused.value.__notes__[0]
    assert giver.verbs == ["ADD"]
    folder.unlink()
    giver.sees = lambda: None
    ours(driver(giver, tmp_path), "DEL", conf(WITH_ADDRESSES))
    assert giver.verbs == ["ADD", "DEL"]


class Slow:
    """The host's door, by which somebody is quicker: the second request waits for `meanwhile`, if that goes on."""

    def __init__(self, door: Netlink, meanwhile: Callable[[], object]) -> None:
        self._door, self._between = door, threading.Thread(target=meanwhile)
        self._asked = 0

    def change_all(self, requests: Sequence[Request]) -> None:
        self._asked += 1
        if self._asked == 2:
            self._between.start()
            self._between.join(0.3)
        self._door.change_all(requests)

    def end(self) -> None:
        self._between.join()


def test_a_deletion_that_is_repeated_takes_nothing_from_the_next_pods_interface(tmp_path: Path) -> None:
    request = call.read(variables("ADD", OURS, "net1", {}), json.dumps(conf()).encode(), ())
    with Netlink.open() as host:
        lock = move.lock_of(tmp_path)
        device = move.find_on_host(host, hostdevice.read(request, tmp_path), "net1", lock)
        assert device is not None
        slow = Slow(host, lambda: ours(driver(root=tmp_path), "DEL", conf(), name="gone"))
        move.give(cast("Netlink", slow), device, request, lock)
        slow.end()
    assert alias("net1", OURS) == NIC
    ours(driver(root=tmp_path), "DEL", conf())
    assert alias(NIC) is None
