"""kubelet, all its files in one folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .cgroups import ControlGroup
from .client import Client, serves
from .controlplane import ADDRESS, ControlPlane, flags, free_ports
from .programs import program
from .runtime import PATH
from .service import Service

KERNEL = {"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
           "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000"}  # fmt: skip
"""What kubelet wants of the kernel, and would set for the whole machine."""


def kubelet(
    folder: Path, control_plane: ControlPlane, group: ControlGroup, name: str, address: str, runtime: Path
) -> Service:
    """A kubelet for the node `name` at `address`, with the container runtime that has the socket `runtime`."""
    user = control_plane.authority.client(name, f"system:node:{name}", "system:nodes")
    serving = control_plane.authority.server(f"{name}-serving", [name, address])
    port, health = free_ports(2)
    (folder / "resolv.conf").write_text("")
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": port,
        "readOnlyPort": 0,
        "healthzBindAddress": ADDRESS,
        "healthzPort": health,
        "authentication": {"x509": {"clientCAFile": str(control_plane.ca)}},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": group.name,
        "enforceNodeAllocatable": [],
        "containerRuntimeEndpoint": f"unix://{runtime}",
        "staticPodPath": str(folder / "static"),
        "podLogsDir": str(folder / "pod-logs"),
        "resolvConf": str(folder / "resolv.conf"),
        "volumePluginDir": str(folder / "volume-plugins"),
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "protectKernelDefaults": True,
        "makeIPTablesUtilChains": False,
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "2s",
        "syncFrequency": "10s",
    }
    (folder / "static").mkdir()
    path = folder / "kubelet.json"
    path.write_text(json.dumps(config))
    options = {
        "config": path,
        "kubeconfig": control_plane.write_kubeconfig(name, user),
        "root-dir": folder / "kubelet",
        "cert-dir": folder / "kubelet/pki",
        "hostname-override": name,
        "node-ip": address,
    }
    command = [program("kubelet"), *flags(options)]
    checked = Client(f"http://{ADDRESS}:{health}", control_plane.ca)
    environment = os.environ | {"PATH": PATH}
    return Service("kubelet", command, folder / "kubelet.log", lambda: serves(checked, "/healthz"), environment)
