"""whereabouts' objects beside a folder of manifests."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from plurimus.adapters import files
from plurimus.adapters.poolfiles import PoolFiles
from plurimus.cni.errors import ClusterError
from plurimus.core.addresspools import Overtaken
from plurimus.model.ippool import Allocation, Change, Pool, Reservation, Slice, SlicePool

from .. import jumping

MINE = Allocation("sandbox", "ns/pod", "net1")
OTHERS = Allocation("other", "ns/other", "net1")
EMPTY = Pool("10.0.0.0/24")


@pytest.fixture
def pools(tmp_path: Path) -> PoolFiles:
    return PoolFiles(tmp_path / "ippools")


async def test_a_pool_is_a_file_as_the_api_server_would_have_it(pools: PoolFiles, tmp_path: Path) -> None:
    assert await pools.pool("ns", "10.0.0.0-24") is None
    await pools.create_pool("ns", "10.0.0.0-24", EMPTY)
    await pools.change_pool("ns", "10.0.0.0-24", EMPTY, [Change("1", None, MINE)])
    assert await pools.pool("ns", "10.0.0.0-24") == Pool("10.0.0.0/24", {"1": MINE})
    (written,) = tmp_path.glob("ippools/ippools/*.json")
    assert written.name == "ns.10.0.0.0-24.json"
    assert json.loads(written.read_text()) == {
        "range": "10.0.0.0/24", "allocations": {"1": {"id": "sandbox", "podref": "ns/pod", "ifname": "net1"}}
    }  # fmt: skip
    with pytest.raises(Overtaken, match="there already"):
        await pools.create_pool("ns", "10.0.0.0-24", EMPTY)


@pytest.mark.parametrize(
    "change", [Change("1", None, MINE), Change("1", MINE, None), Change("2", OTHERS, None), Change("1", MINE, OTHERS)]
)
async def test_a_change_of_what_is_not_so_any_more_changes_nothing(pools: PoolFiles, change: Change) -> None:
    await pools.create_pool("ns", "pool", Pool("10.0.0.0/24", {"1": OTHERS}))
    with pytest.raises(Overtaken, match=f"address {change.key}"):
        await pools.change_pool("ns", "pool", EMPTY, [Change("3", None, MINE), change])
    assert await pools.pool("ns", "pool") == Pool("10.0.0.0/24", {"1": OTHERS})


async def test_a_pool_of_another_range_is_another_pool(pools: PoolFiles) -> None:
    for range_ in ("10.0.0.0/24", None):
        if range_ is None:
            await pools.create_pool("ns", "pool", Pool("10.0.0.5/24"))
        with pytest.raises(Overtaken, match="not the pool any more"):
            await pools.change_pool("ns", "pool", EMPTY, [Change("1", None, MINE)])


async def test_a_reservation_is_removed_by_who_has_seen_that_very_one(pools: PoolFiles) -> None:
    await pools.reserve("ns", "10.0.0.1", Reservation("ns/pod", "net1"))
    with pytest.raises(Overtaken):
        await pools.reserve("ns", "10.0.0.1", Reservation("ns/other", "net1"))
    first = await pools.reservation("ns", "10.0.0.1")
    assert first is not None
    assert (first.podref, first.ifname) == ("ns/pod", "net1")
    await pools.unreserve("ns", "10.0.0.1", first)
    assert await pools.reservation("ns", "10.0.0.1") is None
    await pools.unreserve("ns", "10.0.0.1", first)
    await pools.reserve("ns", "10.0.0.1", Reservation("ns/pod", "net1"))
    await pools.unreserve("ns", "10.0.0.1", first)
    assert await pools.reservation("ns", "10.0.0.1") is not None


async def test_a_slice_is_given_once(pools: PoolFiles) -> None:
    free = SlicePool("10.0.0.0/24", "/25", (Slice("10.0.0.0/25"), Slice("10.0.0.128/25")))
    await pools.create_slices("ns", "rail", free)
    await pools.claim_slice("ns", "rail", free, 1, "node-1")
    found = await pools.slices("ns", "rail")
    assert found is not None
    assert found.slices == (Slice("10.0.0.0/25"), Slice("10.0.0.128/25", "node-1"))
    with pytest.raises(Overtaken):
        await pools.claim_slice("ns", "rail", free, 0, "node-2")
    assert await pools.slices("ns", "other") is None


async def test_daemons_take_turns(tmp_path: Path) -> None:
    daemons = [PoolFiles(tmp_path) for _ in range(8)]
    await daemons[0].create_pool("ns", "pool", EMPTY)
    changes = [Change(str(number), None, MINE) for number in range(8)]
    work = [each.change_pool("ns", "pool", EMPTY, [change]) for each, change in zip(daemons, changes, strict=True)]
    await asyncio.gather(*work)
    found = await daemons[0].pool("ns", "pool")
    assert found is not None
    assert len(found.allocations) == 8


def test_a_lock_that_is_never_given_back_is_an_error(pools: PoolFiles, tmp_path: Path) -> None:
    (tmp_path / "ippools").mkdir()
    held = files.lock(tmp_path / "ippools/.lock")
    assert held is not None
    try:
        with pytest.raises(ClusterError, match=r"\.lock is locked by another process for more than 10 s"):
            jumping.run(pools.create_pool("ns", "pool", EMPTY))
    finally:
        os.close(held)


async def test_a_file_that_is_no_pool_is_named(pools: PoolFiles, tmp_path: Path) -> None:
    await pools.create_pool("ns", "pool", EMPTY)
    (tmp_path / "ippools/ippools/ns.pool.json").write_text("{")
    with pytest.raises(ClusterError, match=r"ns\.pool\.json: .*remove the file if"):
        await pools.pool("ns", "pool")


@pytest.mark.parametrize(
    ("namespace", "name"), [("../ns", "pool"), ("ns", "a/b"), ("..", "pool"), ("ns", ""), ("", "pool")]
)
async def test_a_name_that_leads_elsewhere_is_refused(
    pools: PoolFiles, tmp_path: Path, namespace: str, name: str
) -> None:
    with pytest.raises(ClusterError, match=f"'{namespace}' and '{name}' are no names of a namespace and of an object"):
        await pools.create_pool(namespace, name, EMPTY)
    assert list(tmp_path.rglob("*.json")) == []
