"""The network status of every pod of the cluster, for questions about a pod's neighbours.

Not what requests are answered from: that would be a copy of all pods on every node.
"""

from __future__ import annotations

import msgspec

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.informer import Metadata
from plurimus.adapters.manifests import ManifestFolder
from plurimus.model.pod import NETWORK_STATUS, Pod

_PODS = "/api/v1/pods"
_PAGE = "500"


class _Item(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()


class _Paged(msgspec.Struct, frozen=True):
    more: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: _Paged = _Paged()
    items: list[_Item] = []


async def of_cluster(api: ApiServer) -> list[tuple[Pod, str]]:
    """The pods that have a network status, with it.

    Raises:
        ClusterError: the API server does not answer, or does not let this account list pods.
    """
    found: list[tuple[Pod, str]] = []
    params = {"limit": _PAGE}
    while True:
        page = await api.get(_PODS, _List, params) or _List()
        found += [
            (Pod(meta.namespace, meta.name, meta.uid), status)
            for meta in (item.metadata for item in page.items)
            if (status := meta.annotations.get(NETWORK_STATUS))
        ]
        if not page.metadata.more:
            return found
        params = {"limit": _PAGE, "continue": page.metadata.more}


def of_folder(folder: ManifestFolder) -> list[tuple[Pod, str]]:
    """The same of a folder of manifests, where it is written beside them."""
    told = [(pod, folder.written.network_status(pod.namespace, pod.name)) for pod in folder.pods()]
    return [(pod, status) for pod, status in told if status]
