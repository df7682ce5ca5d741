"""The network status of every pod: page by page from the API server, or from a folder of manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plurimus.adapters import podstatuses
from plurimus.adapters.manifests import ManifestFolder
from plurimus.cni.errors import ClusterError
from plurimus.model.pod import NETWORK_STATUS, Pod

from .api import Reply, client, serving, status


def page(*names: str, more: str = "") -> Reply:
    items = [{"metadata": {"name": name, "namespace": "x", "uid": f"uid-{name}",
                           "annotations": {NETWORK_STATUS: f"[{name}]"} if name != "plain" else {}}}
             for name in names]  # fmt: skip
    return Reply(body={"kind": "PodList", "metadata": {"continue": more} if more else {}, "items": items})


async def test_all_pages_are_read_and_pods_without_a_status_left_out() -> None:
    async with serving(page("a", "plain", more="next"), page("b")) as server, client(server) as api:
        found = await podstatuses.of_cluster(api)
        assert [(str(pod), pod.uid, text) for pod, text in found] == [("x/a", "uid-a", "[a]"), ("x/b", "uid-b", "[b]")]
        assert [seen.query.get("continue") for seen in server.seen] == [None, "next"]
        assert all(seen.query["limit"] == "500" for seen in server.seen)


async def test_a_cluster_that_refuses_says_so() -> None:
    async with serving(status(403, "Forbidden", "no")) as server, client(server) as api:
        with pytest.raises(ClusterError, match="/api/v1/pods"):
            await podstatuses.of_cluster(api)


def test_a_folder_has_them_beside_its_manifests(tmp_path: Path) -> None:
    pods: list[dict[str, Any]] = [{"kind": "Pod", "metadata": {"name": name}} for name in "ab"]
    (tmp_path / "pods.yaml").write_text(yaml.safe_dump_all(pods))
    folder = ManifestFolder(tmp_path)
    folder.written.set_network_status("default", "b", '[{"name": "n"}]')
    assert podstatuses.of_folder(folder) == [(Pod("default", "b"), '[{"name": "n"}]')]
