"""A virtual function is found and given back, whatever became of its pod and its card."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from tests.cluster.waiting import eventually
from tests.node.snapshot import ip, ip_json

from . import sriov
from .cards import Card, Vf
from .sriov import call, is_home, state

POD = "pod-r"
SETTINGS = {"vlan": 100, "mac": "02:00:00:00:00:11", "mtu": 1400, "trust": "on"}


@pytest.fixture(autouse=True)
def nothing_on_disk() -> Iterator[None]:
    yield
    sriov.forget()


@pytest.fixture
def pod() -> Iterator[str]:
    netns.create(f"/run/netns/{POD}")
    yield POD
    netns.delete(f"/run/netns/{POD}")


def add(vf: Vf, pod: str, **conf: Any) -> None:
    call(sriov.driver(), "ADD", vf, pod, **(conf or SETTINGS))


def delete(vf: Vf | str, pod: str, **more: Any) -> None:
    call(sriov.driver(), "DEL", vf, pod, **SETTINGS, **more)


@pytest.mark.parametrize("told", [True, False])
def test_a_namespace_that_is_deleted_first(vfs: list[Vf], pod: str, told: bool) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    netns.delete(f"/run/netns/{pod}")
    delete(vfs[0], pod, netns=None if told else "")
    is_home(vfs[0], before)


def test_a_namespace_that_ended_long_ago_and_a_name_taken_meanwhile(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    ip("link", "add", "net1", "type", "dummy")
    try:
        netns.delete(f"/run/netns/{pod}")
        (name,) = eventually(vfs[0].host_names)
        assert name not in ("net1", vfs[0].home_name)
        delete(vfs[0], pod)
        is_home(vfs[0], before)
    finally:
        ip("link", "delete", "net1")


def test_the_home_name_is_taken_by_another(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    ip("link", "add", vfs[0].home_name, "type", "dummy")
    try:
        delete(vfs[0], pod)
        spare = "vf" + vfs[0].pci.replace(":", "-")
        assert state(vfs[0]) == {**before, "ifname": spare}
        assert sriov.left() == []
    finally:
        ip("link", "delete", vfs[0].home_name)


def test_a_process_that_died_between_move_and_rename(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    ip("link", "set", "net1", "down", namespace=pod)
    ip("link", "set", "net1", "name", vfs[0].home_name, namespace=pod)
    delete(vfs[0], pod)
    is_home(vfs[0], before)


def test_a_process_that_died_on_the_way_home(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    ip("link", "set", "net1", "netns", "1", namespace=pod)
    delete(vfs[0], pod)
    is_home(vfs[0], before)


def test_an_interface_its_pod_renamed_and_moved_on(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    netns.create("/run/netns/elsewhere")
    try:
        ip("link", "set", "net1", "netns", "elsewhere", "name", "hidden0", namespace=pod)
        delete(vfs[0], pod)
        is_home(vfs[0], before)
    finally:
        netns.delete("/run/netns/elsewhere")


def test_a_namespace_nobody_has_a_path_of(vfs: list[Vf], pod: str) -> None:
    """An open file keeps it, so the kernel does not move the interface to the host."""
    before = state(vfs[0])
    add(vfs[0], pod)
    handle = os.open(f"/run/netns/{pod}", os.O_RDONLY)
    try:
        netns.delete(f"/run/netns/{pod}")
        delete(vfs[0], pod)
        is_home(vfs[0], before)
    finally:
        os.close(handle)


def test_a_card_whose_driver_was_reloaded(card: Card, pod: str) -> None:
    with card.functions(2) as vfs:
        add(vfs[0], pod)
        assert sriov.vlan(vfs[0]) == 100
        pci = card.device.name
        driver = card.device.joinpath("driver").resolve()
        (driver / "unbind").write_text(pci)
        (driver / "bind").write_text(pci)
        name = eventually(lambda: [path.name for path in Path("/sys/bus/pci/devices", pci, "net").glob("*")])[0]
        if name != card.name:
            ip("link", "set", name, "name", card.name)
        ip("link", "set", card.name, "up")
        (card.device / "sriov_numvfs").write_text("2")
        eventually(vfs[0].host_names)
        delete(vfs[0], pod)
        assert vfs[0].host_names() == [vfs[0].home_name]
        assert sriov.vlan(vfs[0]) == 0
        assert sriov.left() == []


def test_functions_that_are_gone(card: Card, pod: str) -> None:
    with card.functions(2) as vfs:
        pci = vfs[0].pci
        add(vfs[0], pod)
        (card.device / "sriov_numvfs").write_text("0")
        delete(pci, pod)
        assert sriov.left() == []


def test_another_pod_gets_the_function_of_one_that_vanished_clean(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    netns.create("/run/netns/gone")
    add(vfs[0], "gone")
    netns.delete("/run/netns/gone")
    add(vfs[0], pod, vlan=7)
    assert (sriov.vlan(vfs[0]), vfs[0].settings()["trust"]) == (7, False)
    assert vfs[0].link(pod)["address"] == before["address"]
    delete(vfs[0], "gone")
    assert vfs[0].link(pod)["ifname"] == "net1"
    delete(vfs[0], pod)
    is_home(vfs[0], before)


def test_collecting_gives_back_what_no_attachment_has(vfs: list[Vf], pod: str) -> None:
    before = state(vfs[0])
    add(vfs[0], pod)
    call(sriov.driver(), "GC", vfs[0], pod, **{"cni.dev/valid-attachments": []})
    is_home(vfs[0], before)
    assert [link["ifname"] for link in ip_json("link", "show", namespace=pod)] == ["lo"]
