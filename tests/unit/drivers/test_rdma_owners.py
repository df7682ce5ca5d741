"""The driver `rdma`: a device is the pod's that got it last, whatever is saved of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.cni.errors import AttachmentError

from .rdmanode import HOST, refused
from .test_rdma import POD, VF, driver, node, request, state


async def test_a_late_del_leaves_the_device_to_the_pod_that_has_it_and_the_same_path(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD", container="a"))
    there.end(POD)
    state(tmp_path, "rail0-odd-net1").write_text("{")
    there.gone.clear()
    await rdma.add(request("ADD", container="b", network="rail1"))
    for late in (POD, ""):
        await rdma.delete(request("DEL", container="a", netns=late))
    await rdma.collect(request("GC", **{"cni.dev/valid-attachments": [{"containerID": "odd", "ifname": "net1"}]}))
    assert there.places == {VF: {"mlx5_9": POD}}
    await rdma.delete(request("DEL", container="b", network="rail1"))
    assert there.places == {VF: {"mlx5_9": HOST}}


async def test_an_add_that_gets_no_device_takes_none_from_the_one_that_has_it(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD", container="a"))
    there.refusal = refused()
    with pytest.raises(AttachmentError):
        await rdma.add(request("ADD", container="b", netns="/run/netns/other"))
    there.refusal = None
    await rdma.delete(request("DEL", container="a"))
    assert there.places == {VF: {"mlx5_9": HOST}}
