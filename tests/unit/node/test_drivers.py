"""Which plugins a daemon, or a call without one, runs itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.core.config import parse
from plurimus.core.ports import Plugins
from plurimus.node import daemon, late
from plurimus.node.world import real_world

NETWORK = {
    "cniVersion": "1.0.0",
    "name": "rail",
    "type": "macvlan",
    "ipam": {"type": "whereabouts", "range": "10.0.0.0/24"},
}


async def run(plugins: Plugins, verb: str, pod: str) -> Any:
    args = f"IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME={pod}"
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": f"sandbox-of-{pod}", "CNI_IFNAME": "net1", "CNI_ARGS": args}
    printed = await plugins.run("whereabouts", env=env, stdin=json.dumps(NETWORK).encode(), search=["/nowhere"])
    return [ip["address"] for ip in json.loads(printed)["ips"]] if printed else None


def allocated(manifests: Path) -> list[str]:
    pool = json.loads((manifests / "status/ippools/kube-system.10.0.0.0-24.json").read_text())
    return [each["podref"] for each in pool["allocations"].values()]


async def test_addresses_are_kept_beside_the_manifests(tmp_path: Path) -> None:
    """By daemons and by calls without one, in one pool."""
    config = parse(json.dumps({"manifests": str(tmp_path), "chrootDir": str(tmp_path / "root")}).encode())
    plugins = daemon.make_world(config).plugins
    cluster = late.find(config, "")
    assert cluster is not None
    calls = real_world(config, cluster, cluster, cluster.pools, chroot=str(tmp_path / "root")).plugins
    assert await run(plugins, "ADD", "a") == ["10.0.0.1/24"]
    assert await run(calls, "ADD", "b") == ["10.0.0.2/24"]
    assert allocated(tmp_path) == ["ns/a", "ns/b"]
    assert await run(calls, "DEL", "a") is None
    assert await run(plugins, "DEL", "b") is None
    assert allocated(tmp_path) == []


@pytest.mark.parametrize("keys", [{"executables": ["whereabouts"]}, {"manifests": ""}])
async def test_without_a_cluster_or_where_it_is_wanted_whereabouts_is_its_executable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any]
) -> None:
    """That may have a kubeconfig of its own."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    world = daemon.make_world(parse(json.dumps({"manifests": str(tmp_path), **keys}).encode()))
    with pytest.raises(AttachmentError, match='failed to find plugin "whereabouts"'):
        await run(world.plugins, "ADD", "a")
