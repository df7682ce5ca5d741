"""whereabouts inside the daemon: ADD, DEL and CHECK (cases 43 to 51 and 55)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, ConfigError, RequestError
from plurimus.cni.result import DNS, IPConfig, Route
from plurimus.model.ippool import Allocation, Pool, Reservation

from .pools import Node, Shelf, plain, request

POOL = "10.0.0.0-24"
DUAL: dict[str, Any] = {"range": "10.0.0.0/24", "ipRanges": [{"range": "fd00::/64"}]}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def node(shelf: Shelf, tmp_path: Path) -> Node:
    return Node(shelf, tmp_path)


async def test_the_first_pod_makes_the_pool_and_each_gets_the_lowest_address(shelf: Shelf, node: Node) -> None:
    assert [await node.give(pod) for pod in "ab"] == ["10.0.0.1/24", "10.0.0.2/24"]
    await node.delete("a")
    assert await node.give("c") == "10.0.0.1/24"
    assert shelf.pools["kube-system", POOL].range == "10.0.0.0/24"
    assert shelf.held(POOL) == {"10.0.0.1": "ns/c net1 sandbox-of-c", "10.0.0.2": "ns/b net1 sandbox-of-b"}
    assert shelf.reserved() == {"10.0.0.1": "ns/c net1", "10.0.0.2": "ns/b net1"}


async def test_the_result_has_what_was_allocated_and_what_is_static(node: Node) -> None:
    """Case 49."""
    more = {"gateway": "10.0.0.254", "routes": [{"dst": "10.9.0.0/16"}], "dns": {"nameservers": ["10.0.0.53"]},
            "addresses": [{"address": "192.168.0.5/24"}]}  # fmt: skip
    made = await node.add("a", **DUAL, **more, cni_args=";IP=192.168.1.5/24")
    assert made.ips == (
        IPConfig("10.0.0.1/24", gateway="10.0.0.254"),
        IPConfig("fd00::1/64"),
        IPConfig("192.168.0.5/24"),
        IPConfig("192.168.1.5/24"),
    )
    assert (made.interfaces, made.routes, made.dns) == ((), (Route("10.9.0.0/16"),), DNS(["10.0.0.53"]))


async def test_one_request_reads_and_writes_once(shelf: Shelf, node: Node) -> None:
    """No list of pools, no lease."""
    await node.add("a")
    shelf.asked.clear()
    await node.add("b")
    assert shelf.asked == {"pool": 1, "change_pool": 1, "reserve": 1}


async def test_requests_at_the_same_time_are_one_patch(shelf: Shelf, node: Node) -> None:
    given = await asyncio.gather(*(node.give(f"pod-{n}", f"net{rail}") for n in range(6) for rail in range(8)))
    assert len(set(given)) == 48
    assert shelf.asked["change_pool"] <= 2
    shelf.asked.clear()
    await asyncio.gather(*(node.delete(f"pod-{n}", f"net{rail}") for n in range(6) for rail in range(8)))
    assert shelf.held(POOL) == shelf.reserved() == {}
    assert shelf.asked["change_pool"] <= 2


async def test_the_next_sandbox_of_a_pod_has_its_address_and_the_old_one_cannot_take_it(
    shelf: Shelf, node: Node
) -> None:
    """Case 47."""
    assert await node.give("a", container="old") == await node.give("a", container="new") == "10.0.0.1/24"
    await node.delete("a", container="old")
    assert shelf.held(POOL) == {"10.0.0.1": "ns/a net1 new"}
    assert shelf.reserved() == {"10.0.0.1": "ns/a net1"}
    await node.delete("a", container="new")
    assert shelf.held(POOL) == shelf.reserved() == {}


async def test_a_delete_of_what_is_not_there_succeeds(shelf: Shelf, node: Node) -> None:
    await node.delete("a")
    assert shelf.pools == {}
    await node.add("a")
    await node.delete("b")
    await node.delete("a", "net2")
    assert shelf.held(POOL) == {"10.0.0.1": "ns/a net1 sandbox-of-a"}


async def test_an_address_that_another_pools_pod_has_is_not_given(shelf: Shelf, node: Node) -> None:
    """Case 48."""
    small = {"range": "10.0.0.0/29"}
    assert [await node.give(pod) for pod in "abc"] == ["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"]
    assert await node.give("d", **small) == "10.0.0.4/29"
    assert shelf.held("10.0.0.0-29") == {"10.0.0.4": "ns/d net1 sandbox-of-d"}
    assert await node.give("e") == "10.0.0.5/24"
    assert await node.give("f", **small, enable_overlapping_ranges=False) == "10.0.0.1/29"
    assert await node.give("g", **small, network_name="other") == "10.0.0.1/29"
    assert shelf.reserved()["other-10.0.0.1"] == "ns/g net1"


async def test_two_interfaces_of_a_pod_do_not_get_the_same_address_of_two_ranges(node: Node) -> None:
    """The original looks at the pod alone."""
    assert await node.give("a", "net1") == "10.0.0.1/24"
    assert await node.give("a", "net2", range="10.0.0.0/29") == "10.0.0.2/29"


async def test_an_address_whose_reservation_is_anothers_is_given_up_for_a_new_one(shelf: Shelf, node: Node) -> None:
    """A process may have died between the two writes."""
    shelf.pools["kube-system", POOL] = Pool("10.0.0.0/24", {"1": Allocation("old", "ns/a", "net1")})
    shelf.reservations["kube-system", "10.0.0.1"] = Reservation("ns/other", "net1", "0")
    assert await node.give("a") == "10.0.0.2/24"
    assert shelf.held(POOL) == {"10.0.0.2": "ns/a net1 sandbox-of-a"}
    assert shelf.reserved() == {"10.0.0.1": "ns/other net1", "10.0.0.2": "ns/a net1"}


@pytest.mark.parametrize("reservation", [None, Reservation("ns/a", "", "0"), Reservation("ns/a", "net1", "0")])
async def test_an_allocation_without_its_reservation_gets_it(
    shelf: Shelf, node: Node, reservation: Reservation | None
) -> None:
    """Old reservations do not name the interface."""
    shelf.pools["kube-system", POOL] = Pool("10.0.0.0/24", {"1": Allocation("old", "ns/a", "net1")})
    if reservation:
        shelf.reservations["kube-system", "10.0.0.1"] = reservation
    assert await node.give("a") == "10.0.0.1/24"
    assert list(shelf.reserved()) == ["10.0.0.1"]
    await node.delete("a")
    assert shelf.held(POOL) == shelf.reserved() == {}


async def test_a_delete_leaves_the_reservation_of_another_pod(shelf: Shelf, node: Node) -> None:
    shelf.pools["kube-system", POOL] = Pool("10.0.0.0/24", {"1": Allocation("sandbox-of-a", "ns/a", "net1")})
    shelf.reservations["kube-system", "10.0.0.1"] = Reservation("ns/other", "net1", "0")
    await node.delete("a")
    assert shelf.held(POOL) == {}
    assert shelf.reserved() == {"10.0.0.1": "ns/other net1"}


async def test_where_one_range_has_no_address_the_other_keeps_none(shelf: Shelf, node: Node) -> None:
    """Case 55."""
    narrow = {"range": "10.0.0.0/30", "ipRanges": [{"range": "fd00::/64"}]}
    for pod in "ab":
        await node.add(pod, **narrow)
    with pytest.raises(AttachmentError, match=r"range 10.0.0.0/30 .*IPPool kube-system/10.0.0.0-30 has none left"):
        await node.add("c", **narrow)
    assert [held.split()[0] for held in shelf.held("fd00---64").values()] == ["ns/a", "ns/b"]
    assert set(shelf.reserved()) == {"10.0.0.1", "10.0.0.2", "fd00--1", "fd00--2"}


@pytest.mark.parametrize("request_", ["pool", "create_pool", "change_pool", "reserve"])
async def test_an_add_that_fails_leaves_nothing_that_its_delete_does_not_take(
    shelf: Shelf, node: Node, request_: str
) -> None:
    shelf.fail = {request_}
    with pytest.raises(ClusterError, match=f"{request_}: no answer"):
        await node.add("a", **DUAL)
    assert shelf.reserved() == {}
    shelf.fail = set()
    await node.delete("a", **DUAL)
    assert [pool.allocations for pool in shelf.pools.values()] in ([], [{}], [{}, {}])


@pytest.mark.parametrize("request_", ["pool", "change_pool", "reservation", "unreserve"])
async def test_a_delete_that_fails_says_so_and_succeeds_when_it_is_tried_again(
    shelf: Shelf, node: Node, request_: str
) -> None:
    """Case 51; the original forgets about it."""
    await node.add("a", **DUAL)
    shelf.fail = {request_}
    with pytest.raises(ClusterError, match=f"{request_}: no answer") as raised:
        await node.delete("a", **DUAL)
    assert raised.value.code == 11
    assert shelf.held(POOL) != {}
    shelf.fail = set()
    await node.delete("a", **DUAL)
    assert shelf.held(POOL) == shelf.held("fd00---64") == shelf.reserved() == {}


async def test_a_delete_goes_through_all_ranges_whatever_one_of_them_lacks(shelf: Shelf, node: Node) -> None:
    await node.add("a", **DUAL)
    del shelf.pools["kube-system", POOL]
    await node.delete("a", **DUAL)
    assert shelf.held("fd00---64") == {}


async def test_an_add_that_is_cancelled_is_taken_back_by_its_delete(shelf: Shelf, node: Node) -> None:
    adding = asyncio.ensure_future(node.add("a"))
    while not shelf.asked["change_pool"]:
        await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    await node.delete("a")
    assert shelf.held(POOL) == shelf.reserved() == {}


async def test_without_a_pod_nothing_is_allocated(shelf: Shelf, node: Node) -> None:
    with pytest.raises(RequestError, match="'rail': no pod name"):
        await node.add("")
    assert await node.give("", ipRanges=[], addresses=[{"address": "10.0.0.5/24"}]) == "10.0.0.5/24"
    assert shelf.pools == {}


async def test_a_configuration_no_add_accepts_can_be_deleted(shelf: Shelf, node: Node) -> None:
    """What failed before it did anything must not keep a pod from going."""
    wrong_names = {"kubernetes": {"namespace": "../v1"}}, {"network_name": "a/b"}
    wrong_paths = {"kubernetes": {"kubeconfig": "/dev/zero"}}, {"configuration_path": "/etc/shadow"}
    others = {"range": "ten"}, {"range": 5}, {"exclude": ["ten"]}, {"node_slice_size": "huge"}
    for wrong in (*wrong_names, *wrong_paths, *others):
        with pytest.raises(ConfigError):
            await node.add("a", **wrong)
        await node.delete("a", **wrong)
    assert shelf.pools == {}
    assert shelf.asked == {"pool": 1}  # by the DEL whose excluded addresses alone are wrong


async def test_a_check_compares_pool_reservation_and_result(shelf: Shelf, node: Node) -> None:
    made = {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/24"}]}
    check = request("CHECK", "a", conf={"prevResult": made})
    with pytest.raises(
        AttachmentError, match=r"kube-system/10.0.0.0-24 has no address for interface net1 of container"
    ):
        await node.driver.check(check)
    await node.add("a")
    await node.driver.check(check)
    await node.driver.check(request("CHECK", "a"))
    other = {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.9/24"}]}
    with pytest.raises(AttachmentError, match=r"has 10.0.0.1 .* which the interface does not have"):
        await node.driver.check(request("CHECK", "a", conf={"prevResult": other}))
    reservation = shelf.reservations.pop(("kube-system", "10.0.0.1"))
    with pytest.raises(AttachmentError, match="is not reserved any more"):
        await node.driver.check(check)
    shelf.reservations["kube-system", "10.0.0.1"] = Reservation("ns/other", "net1", reservation.uid)
    with pytest.raises(AttachmentError, match="is reserved for pod ns/other"):
        await node.driver.check(check)
    await node.driver.check(request("CHECK", "a", enable_overlapping_ranges=False))


async def test_links_of_two_are_allocated_where_that_is_wanted(node: Node) -> None:
    pair = {"range": "10.0.0.4/31", "point_to_point": True}
    assert [await node.give(pod, **pair) for pod in "ab"] == ["10.0.0.4/31", "10.0.0.5/31"]


async def test_the_nodes_own_files_say_what_is_missing(shelf: Shelf, node: Node, tmp_path: Path) -> None:
    """Case 50; the objects are where the original has them."""
    folder = tmp_path / "etc/cni/net.d/whereabouts.d"
    folder.mkdir(parents=True)
    (folder / "whereabouts.conf").write_text('{"gateway": "10.0.0.254", "kubernetes": {"kubeconfig": "/kube.conf"}}')
    assert (await node.add("a")).ips[0].gateway == "10.0.0.254"
    kubeconfig = "current-context: b\ncontexts: [{name: b, context: {namespace: rails}}]\n"
    (tmp_path / "kube.conf").write_text(kubeconfig)
    assert plain(await node.give("b")) == "10.0.0.1"
    assert set(shelf.pools) == {("kube-system", POOL), ("rails", POOL)}
    await node.delete("b")
    assert shelf.held(POOL, "rails") == {}
    assert plain(await node.give("c", kubernetes={"namespace": "own"})) == "10.0.0.1"
    (folder / "whereabouts.conf").write_text("{")
    for verb in (node.add, node.delete):
        with pytest.raises(ConfigError, match=r"whereabouts\.conf"):
            await verb("b")
