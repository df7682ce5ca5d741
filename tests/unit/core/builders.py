"""Values the tests of the core are made of, each with only the fields a test cares about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from plurimus.cni import conf
from plurimus.cni.args import Environment, Pairs
from plurimus.cni.conf import NetworkConfig
from plurimus.core import netconf, plan
from plurimus.core.delegate import Delegate
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan
from plurimus.model import selection
from plurimus.model.pod import Pod
from plurimus.model.selection import NetworkSelectionElement
from tests.allocations import allocation

CONTAINER = "cid1"
NETNS = "/run/netns/pod"
POD = Pod("pod-ns", "pod", uid="uid-1")
RUNTIME_ARGS: Pairs = (
    ("IgnoreUnknown", "1"),
    ("K8S_POD_NAMESPACE", "pod-ns"),
    ("K8S_POD_NAME", "pod"),
    ("K8S_POD_UID", "uid-1"),
)


def config(name: str = "net", *, chain: int = 0, **keys: Any) -> NetworkConfig:
    """A single configuration of type macvlan, or with `chain` a list of that many plugins, each with `keys`."""
    plugin = {"type": "macvlan", **keys}
    if not chain:
        return conf.parse({"cniVersion": "1.0.0", "name": name, **plugin})
    return conf.parse({"cniVersion": "1.0.0", "name": name, "plugins": [plugin] * chain})


def element(name: str = "net", **fields: Any) -> NetworkSelectionElement:
    """A network selection element, read from the annotation that asks for it."""
    (read,) = selection.parse(json.dumps([{"name": name, **fields}]), namespace="pod-ns")
    return read


def delegate(name: str = "net", *, wants: Mapping[str, Any] | None = None, **fields: Any) -> Delegate:
    """A delegate of the definition `pod-ns/name`; `wants` are keys of its network selection element."""
    chosen = None if wants is None else element(name, **wants)
    return Delegate(**{"config": config(name), "display_name": f"pod-ns/{name}", "selection": chosen, **fields})


def default_delegate(**fields: Any) -> Delegate:
    return delegate(**{"name": "cbr0", "display_name": "cbr0", "is_default": True, **fields})


def environment(args: Pairs = RUNTIME_ARGS, **fields: Any) -> Environment:
    return Environment(
        **{"verb": "ADD", "container_id": CONTAINER, "netns": NETNS, "ifname": "eth0", "args": args, **fields}
    )


def node(**keys: Any) -> NetConf:
    """The node's configuration with `keys`, read as the runtime sends it."""
    return netconf.parse({"name": "multus-cni-network", "type": "multus", **keys})


def make(
    *delegates: Delegate,
    args: Pairs = RUNTIME_ARGS,
    pod: Pod | None = POD,
    allocated: Mapping[str, Sequence[str]] | None = None,
    **keys: Any,
) -> Plan:
    """The plan for the default network and `delegates` on a node configured with `keys`."""
    everything = [default_delegate(), *delegates]
    return plan.make(environment(args), node(**keys), pod, everything, allocation(allocated))


def only(*delegates: Delegate, **options: Any) -> Attachment:
    """The attachment of the last of `delegates`."""
    return make(*delegates, **options).attachments[-1]
