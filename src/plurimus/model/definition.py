"""A network attachment definition, reduced to what Plurimus reads.  Spec section 4."""

from __future__ import annotations

import msgspec

RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName"
ALLOWED_NAMESPACES = "plurimus.io/allowed-namespaces"
"""Ours: the namespaces, separated by commas, whose pods may name the definition beside those of its own; `*`: all."""


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

    def allows(self, namespace: str) -> bool:
        """Whether pods of `namespace` may name it; an annotation that is empty allows those of its own alone."""
        listed = self.annotations.get(ALLOWED_NAMESPACES)
        if listed is None or namespace == self.namespace:
            return True
        return not {"*", namespace}.isdisjoint(name.strip() for name in listed.split(","))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
