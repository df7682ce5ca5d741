"""A network attachment definition, reduced to what Plurimus reads.  Spec section 4."""

from __future__ import annotations

import msgspec

RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName"


class NetworkAttachmentDefinition(msgspec.Struct, frozen=True):
    """`config` is the CNI configuration as text; empty means a file of that name on the node."""

    namespace: str
    name: str
    config: str = ""
    annotations: dict[str, str] = {}

    @property
    def resource_name(self) -> str:
        """The extended resource an attachment consumes one device of; empty for none."""
        return self.annotations.get(RESOURCE_NAME, "")

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
