"""Configurations of the shape that the well-known default networks install, by file name."""

from __future__ import annotations

import json
from typing import Any

FLANNEL = "10-flannel.conflist"
CALICO = "10-calico.conflist"
CILIUM = "05-cilium.conflist"
OVN = "10-ovn-kubernetes.conf"
KUBE_OVN = "01-kube-ovn.conflist"

PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}

FILES: dict[str, dict[str, Any]] = {
    FLANNEL: {
        "name": "cbr0",
        "cniVersion": "0.3.1",
        "plugins": [
            {"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}},
            PORTMAP,
        ],
    },
    CALICO: {
        "name": "k8s-pod-network",
        "cniVersion": "0.3.1",
        "plugins": [
            {
                "type": "calico",
                "datastore_type": "kubernetes",
                "nodename": "node-a",
                "mtu": 0,
                "ipam": {"type": "calico-ipam"},
                "policy": {"type": "k8s"},
                "kubernetes": {"kubeconfig": "/etc/cni/net.d/calico-kubeconfig"},
            },
            {"type": "bandwidth", "capabilities": {"bandwidth": True}},
            {**PORTMAP, "snat": True},
        ],
    },
    CILIUM: {
        "name": "cilium",
        "cniVersion": "0.3.1",
        "plugins": [{"type": "cilium-cni", "enable-debug": False, "log-file": "/var/run/cilium/cilium-cni.log"}],
    },
    OVN: {
        "name": "ovn-kubernetes",
        "cniVersion": "1.0.0",
        "type": "ovn-k8s-cni-overlay",
        "ipam": {},
        "dns": {},
        "logFile": "/var/log/ovn-kubernetes/ovn-k8s-cni-overlay.log",
        "logLevel": "4",
        "logfile-maxsize": 100,
    },
    KUBE_OVN: {
        "name": "kube-ovn",
        "cniVersion": "0.3.1",
        "plugins": [
            {"type": "kube-ovn", "log_level": "info", "server_socket": "/run/openvswitch/kube-ovn-daemon.sock"},
            PORTMAP,
        ],
    },
}


def content(name: str, **keys: Any) -> bytes:
    """The file's content, with `keys` laid over it."""
    return json.dumps(FILES[name] | keys, indent=2).encode()
