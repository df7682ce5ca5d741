"""What `plurimus doctor` says of the RDMA subsystem's mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.core import config
from plurimus.node import examinerdma
from plurimus.node.examine import OK, WARNING, Finding

SRIOV: dict[str, Any] = {"type": "sriov"}


def chain(*plugins: dict[str, Any]) -> str:
    return json.dumps({"cniVersion": "1.0.0", "name": "rail0", "plugins": [*plugins]})


class Ward:
    """A node with a folder of manifests and a folder of configurations."""

    def __init__(self, folder: Path) -> None:
        self.manifests, self.confdir = folder / "manifests", folder / "net.d"
        self.manifests.mkdir()
        self.confdir.mkdir()

    def definition(self, name: str, text: str) -> None:
        document = {
            "kind": "NetworkAttachmentDefinition",
            "metadata": {"namespace": "train", "name": name},
            "spec": {"config": text},
        }
        (self.manifests / f"{name}.yaml").write_text(json.dumps(document))

    async def findings(self, mode: str) -> list[Finding]:
        keys = {"manifests": str(self.manifests), "confDir": str(self.confdir)}
        file = config.parse(json.dumps(keys).encode())
        return [finding async for finding in examinerdma.findings(file, lambda: mode, "/definitions")]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


async def test_a_node_without_rdma_has_nothing_to_be_told(ward: Ward) -> None:
    ward.definition("rail0", chain(SRIOV, {"type": "rdma"}))
    assert await ward.findings("") == []


@pytest.mark.parametrize("mode", ["exclusive", "shared"])
async def test_either_mode_is_named_and_fine_by_itself(ward: Ward, mode: str) -> None:
    ward.definition("rail0", chain(SRIOV))
    ward.definition("rail1", chain(SRIOV, {"type": "rdma", "sharedMode": "skip"}))
    ward.definition("broken", "{")
    (ward.confdir / "broken.conf").write_text("{")
    (finding,) = await ward.findings(mode)
    assert (finding.level, finding.subject, finding.text.partition(" ")[0]) == (OK, "rdma", mode)


async def test_shared_mode_is_a_warning_where_the_plugin_is_used_and_says_by_whom(ward: Ward) -> None:
    ward.definition("rail0", chain(SRIOV, {"type": "rdma"}))
    (ward.confdir / "rails.conflist").write_text(chain(SRIOV, {"type": "rdma"}))
    (finding,) = await ward.findings("shared")
    assert finding.level == WARNING
    assert "train/rail0" in finding.text
    assert str(ward.confdir / "rails.conflist") in finding.text
    assert "netns_mode=0" in finding.todo
    assert '"sharedMode": "skip"' in finding.todo
    (finding,) = await ward.findings("exclusive")
    assert finding.level == OK


async def test_a_mode_that_cannot_be_asked_for_is_a_warning(ward: Ward) -> None:
    def refused() -> str:
        raise AttachmentError("no netlink today")

    file = config.parse(json.dumps({"manifests": str(ward.manifests)}).encode())
    (finding,) = [finding async for finding in examinerdma.findings(file, refused, "")]
    assert (finding.level, finding.text) == (WARNING, "no netlink today")
