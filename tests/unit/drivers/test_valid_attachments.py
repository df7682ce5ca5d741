"""What GC is told of living attachments, and that a driver that is told nothing gives nothing back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import ConfigError
from plurimus.drivers.call import Call

from .sriovfakes import Node, address

ONE = [{"containerID": "pod1", "ifname": "net1"}]


@pytest.mark.parametrize(
    ("conf", "alive"),
    [
        ({}, None),
        ({"cni.dev/valid-attachments": None}, None),
        ({"cni.dev/valid-attachments": {}}, None),
        ({"cni.dev/valid-attachments": []}, set()),
        ({"cni.dev/valid-attachments": ONE}, {("pod1", "net1")}),
        ({"cni.dev/attachments": ONE}, {("pod1", "net1")}),
        ({"cni.dev/valid-attachments": None, "cni.dev/attachments": ONE}, {("pod1", "net1")}),
    ],
)
def test_attachments_are_read_under_both_names(conf: dict[str, Any], alive: set[tuple[str, str]] | None) -> None:
    assert Call("GC", conf=conf).valid_attachments() == alive


@pytest.mark.parametrize("entry", [None, "pod1", {"containerID": "pod1"}])
def test_what_is_no_attachment_keeps_everything_from_being_collected(entry: object) -> None:
    with pytest.raises(ConfigError, match="nothing was removed"):
        Call("GC", conf={"cni.dev/valid-attachments": [entry]}).valid_attachments()


async def test_a_collection_without_a_list_gives_no_vf_back_and_the_older_name_counts(tmp_path: Path) -> None:
    node = Node(tmp_path)
    for vf in (1, 2):
        await node.call("ADD", pod=f"pod{vf}", ifname=f"net{vf}", deviceID=address(vf), vlan=100)
    taken = node.kernel.state()
    for conf in ({}, {"cni.dev/valid-attachments": "none"}):
        await node.call("GC", **conf)
        assert node.kernel.state() == taken
    await node.call("GC", **{"cni.dev/attachments": ONE})
    assert [vf.vlan for vf in node.kernel.vfs] == [0, 100, 0, 0]
