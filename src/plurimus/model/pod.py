"""A pod, reduced to what Plurimus reads.  Spec sections 3 and 6.2."""

from __future__ import annotations

import msgspec

from plurimus.model.claim import PodClaim

NETWORKS = "k8s.v1.cni.cncf.io/networks"
DEFAULT_NETWORK = "v1.multus-cni.io/default-network"
NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"
CONFIG_SOURCE = "kubernetes.io/config.source"
CONFIG_HASH = "kubernetes.io/config.hash"


class Pod(msgspec.Struct, frozen=True):
    """`uid` is the API object's; for a static pod that is not what the runtime hands over.

    `claims` are its resource claims in the order it names them; `node` is set where it has any.  `priority` and
    `priority_class` are those of its specification.
    """

    namespace: str
    name: str
    uid: str = ""
    annotations: dict[str, str] = {}
    node: str = ""
    claims: tuple[PodClaim, ...] = ()
    priority: int = 0
    priority_class: str = ""

    @property
    def is_static(self) -> bool:
        """Whether kubelet made this pod from a file; its API object has a UID of its own then."""
        return self.annotations.get(CONFIG_SOURCE, "api") != "api"

    @property
    def kubelet_uid(self) -> str:
        """The UID kubelet, and with it the runtime, knows the pod by."""
        return self.annotations.get(CONFIG_HASH, self.uid) if self.is_static else self.uid

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
