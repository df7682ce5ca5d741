"""The auxiliary chain: one more attachment for every pod, made of the files in a folder (F23)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .world import Node


def node(folder: Path, *types: str, cluster_network: str = "") -> Node:
    """A node with a file for each type in the chain `aux`."""
    (folder / "10.conf").write_text(json.dumps({"cniVersion": "1.0.0", "name": "net", "type": "bridge"}))
    for position, kind in enumerate(types):
        (folder / "aux").mkdir(exist_ok=True)
        (folder / f"aux/{position}.conf").write_text(json.dumps({"type": kind}))
    made = Node(netconf={"clusterNetwork": cluster_network or f"{folder}/10.conf", "auxiliaryCNIChainName": "aux"})
    made.networks("a")
    return made


async def test_the_chain_is_the_last_attachment(tmp_path: Path) -> None:
    """F23: with an interface, a cached result and a status of its own; its head makes nothing and is no process."""
    made = node(tmp_path, "x", "y")
    made.plugins.answers["x"] = lambda call: {"cniVersion": "1.1.0", "interfaces": [{"name": call.ifname}]}
    await made.add()
    assert made.plugins.made() == ["ADD bridge eth0", "ADD a net1", "ADD x net2", "ADD y net2"]
    assert made.plugins.calls[2].conf == {
        "name": "aux", "cniVersion": "1.1.0", "type": "x", "prevResult": {"cniVersion": "1.1.0"},
    }  # fmt: skip
    assert "aux-cid1-net2" in made.results.files
    assert [element["name"] for element in json.loads(made.cluster.statuses[0][1])] == ["net", "default/a", "aux"]


async def test_the_chain_is_deleted_from_the_record(tmp_path: Path) -> None:
    """F23: whatever its folder holds by then."""
    made = node(tmp_path, "x", "y")
    await made.add()
    (tmp_path / "aux/0.conf").unlink()
    await made.delete()
    assert made.plugins.made("DEL")[:2] == ["DEL y net2", "DEL x net2"]
    assert made.left() == []


async def test_without_files_there_is_no_chain(tmp_path: Path) -> None:
    """F23."""
    made = node(tmp_path)
    await made.add()
    assert made.plugins.made() == ["ADD bridge eth0", "ADD a net1"]


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "no type"}'])
async def test_a_file_that_cannot_be_read_is_an_error(content: str, tmp_path: Path) -> None:
    """F23: never silent; the pod would lack what the administrator wants on every one."""
    made = node(tmp_path, "x")
    (tmp_path / "aux/5.conf").write_text(content)
    await made.refused("ADD")
    assert made.plugins.made() == []


async def test_the_default_network_must_be_a_path(tmp_path: Path) -> None:
    """F23: the chain's folder lies beside it."""
    made = node(tmp_path, "x", cluster_network="cbr0")
    error = await made.refused("ADD")
    assert "auxiliaryCNIChainName 'aux': 'clusterNetwork' must be a path" in error.msg
    assert made.plugins.made() == []
