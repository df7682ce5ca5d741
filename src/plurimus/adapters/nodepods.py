"""The pods of this node as the cluster knows them at the moment, for what is looked after beside requests.

Asked anew each time: the copies that requests are answered from have neither a pod's phase nor its network status.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.informer import Metadata
from plurimus.adapters.manifests import ManifestFolder
from plurimus.cni.errors import ClusterError
from plurimus.model.pod import CONFIG_HASH, CONFIG_SOURCE, DEFAULT_NETWORK, NETWORK_STATUS, NETWORKS, Pod

_PODS = "/api/v1/pods"
_PAGE = "500"
_READ = {NETWORKS, DEFAULT_NETWORK, CONFIG_SOURCE, CONFIG_HASH}


@dataclass(frozen=True, slots=True)
class NodePod:
    """`runs` is whether its containers were started in a network of its own, and it is not about to end.

    None: a folder of manifests does not say.
    """

    pod: Pod
    status: str
    runs: bool | None


class _Metadata(Metadata, frozen=True):
    deletion_timestamp: str | None = None


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    host_network: bool = False


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Item(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()


class _Paged(msgspec.Struct, frozen=True):
    more: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: _Paged = _Paged()
    items: list[_Item] | None = None


async def of_cluster(api: ApiServer, node: str) -> list[NodePod]:
    """The pods whose node is `node`.

    Raises:
        ClusterError: the API server does not answer, or does not let this account list pods; or `node` is unknown.
    """
    if not node:
        raise ClusterError("the name of this node is not known: set MULTUS_NODE_NAME where Plurimus runs")
    found: list[NodePod] = []
    params = {"limit": _PAGE, "fieldSelector": f"spec.nodeName={node}"}
    while True:
        page = await api.get(_PODS, _List, params)
        if page is None:
            raise ClusterError(f"{api.server} knows no pods")
        found += [_pod(item) for item in page.items or ()]
        if not page.metadata.more:
            return found
        params["continue"] = page.metadata.more


def of_folder(folder: ManifestFolder) -> list[NodePod]:
    """Those of a folder of manifests, which all are this node's."""
    return [NodePod(pod, folder.written.network_status(pod.namespace, pod.name), None) for pod in folder.pods()]


def _pod(item: _Item) -> NodePod:
    meta = item.metadata
    kept = {key: value for key, value in meta.annotations.items() if key in _READ}
    runs = item.status.phase == "Running" and not item.spec.host_network and meta.deletion_timestamp is None
    return NodePod(Pod(meta.namespace, meta.name, meta.uid, kept), meta.annotations.get(NETWORK_STATUS, ""), runs)
