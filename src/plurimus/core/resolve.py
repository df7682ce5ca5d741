"""Which networks a pod gets, in which order, and whether it may: before anything is looked up.

The order is the order of interfaces: the cluster-wide default network, the `defaultNetworks`,
the pod's own selection.  A `Reference` says where each is to be found; `plurimus.node.lookup`
finds it.

Spec sections 2.3, 2.5, 3.1 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from plurimus.cni.errors import ConfigError, RequestError
from plurimus.core.netconf import NetConf
from plurimus.model import selection
from plurimus.model.definition import ALLOWED_NAMESPACES, NetworkAttachmentDefinition
from plurimus.model.pod import DEFAULT_NETWORK, NETWORKS, Pod
from plurimus.model.selection import NetworkSelectionElement


@dataclass(frozen=True, slots=True)
class Reference:
    """A network to look up: a definition, or (`on_disk`) a configuration by name or path.

    `inline` holds a delegate that stands in the configuration itself; then nothing is looked up.
    """

    name: str
    namespace: str = ""
    on_disk: bool = False
    selection: NetworkSelectionElement | None = None
    is_default: bool = False
    inline: int | None = None
    asked_from: str = ""
    """The namespace of the pod whose author chose it; empty where the node's configuration did."""

    @property
    def is_path(self) -> bool:
        return self.on_disk and "/" in self.name


def references(netconf: NetConf, pod: Pod | None) -> list[Reference]:
    """The networks of `pod` in the order of their interfaces; `pod` is None for STATUS and GC.

    Raises:
        RequestError: an annotation is malformed or names a namespace it may not.
        ConfigError: there is no default network.
    """
    wanted = _configured(netconf, pod)
    if pod is None:
        return wanted
    if DEFAULT_NETWORK in pod.annotations:
        wanted[0] = _default_by_annotation(netconf, pod)
    elements = selection.parse(pod.annotations.get(NETWORKS, ""), namespace=pod.namespace)
    for element in elements:
        _check_isolation(netconf, pod, element)
    return wanted + [
        Reference(element.name, element.namespace, selection=element, asked_from=pod.namespace) for element in elements
    ]


def _configured(netconf: NetConf, pod: Pod | None) -> list[Reference]:
    """What the node's configuration gives every pod; `clusterNetwork` wins over `delegates`."""
    if not netconf.delegates and not netconf.cluster_network:
        raise ConfigError("error loading netconf: at least one delegate/clusterNetwork must be specified")
    if not netconf.cluster_network:
        return [Reference("", inline=index, is_default=index == 0) for index in range(len(netconf.delegates))]
    names = [netconf.cluster_network]
    if pod is not None and pod.namespace not in netconf.system_namespaces:
        names += netconf.default_networks
    return [
        Reference(name, netconf.multus_namespace, on_disk=True, is_default=index == 0)
        for index, name in enumerate(names)
    ]


def _default_by_annotation(netconf: NetConf, pod: Pod) -> Reference:
    """Isolation holds here too, but the administrator's own namespace is always allowed (S23)."""
    element = selection.parse_one(pod.annotations[DEFAULT_NETWORK], namespace=netconf.multus_namespace)
    if element.namespace != netconf.multus_namespace:
        _check_isolation(netconf, pod, element)
    return Reference(element.name, element.namespace, selection=element, is_default=True, asked_from=pod.namespace)


def check_allowed(reference: Reference, definition: NetworkAttachmentDefinition) -> None:
    """See that `definition` may be named from the pod's namespace; what the node's configuration names may be.

    Raises:
        RequestError: it has a list of namespaces, without the pod's.
    """
    if reference.asked_from and not definition.allows(reference.asked_from):
        raise RequestError(
            f"network-attachment-definition {definition} is not for pods of namespace {reference.asked_from}: its "
            f"annotation {ALLOWED_NAMESPACES!r} does not name that; whoever keeps the definition may add it"
        )


def _check_isolation(netconf: NetConf, pod: Pod, element: NetworkSelectionElement) -> None:
    allowed = {pod.namespace, *netconf.global_namespace_list}
    if netconf.namespace_isolation and element.namespace not in allowed:
        raise RequestError(
            f"namespace isolation enabled, annotation violates permission, pod is in namespace {pod.namespace} "
            f"but refers to target namespace {element.namespace} (network {element.name!r})"
        )
