"""What is attached: a bridge as the default network, and K networks on one NIC; pods and definitions for it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.interop.store import Store

FOLDER = Path("/run/plurimus-bench")
BIN = FOLDER / "bin"
NIC = "rail0"
NODE = "bench-node"
DEFAULT = "pods"
DEVICE_SECONDS = 0.1
"""What a virtual function takes to be set up, as the plugin `slow` plays it."""
NETWORKS = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"
_numbers = count(1)

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with `networks` beside its default one; its container ID is its UID."""

    name: str
    uid: str
    networks: tuple[str, ...]
    netns: str

    @property
    def interfaces(self) -> list[str]:
        return ["eth0", *(f"net{k + 1}" for k in range(len(self.networks)))]

    def environment(self, verb: str) -> dict[str, str]:
        names = f"K8S_POD_NAMESPACE=default;K8S_POD_NAME={self.name};K8S_POD_UID={self.uid}"
        return {"CNI_COMMAND": verb, "CNI_CONTAINERID": self.uid, "CNI_NETNS": self.netns, "CNI_IFNAME": "eth0",
                "CNI_PATH": str(BIN), "CNI_ARGS": f"IgnoreUnknown=1;{names};K8S_POD_INFRA_CONTAINER_ID={self.uid}",
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # fmt: skip


def pod(kind: str, k: int, netns: str) -> Pod:
    """A pod nobody has had yet, with K networks of one kind, `fast` or `slow`."""
    number = next(_numbers)
    return Pod(
        f"pod-{number}", f"00000000-0000-4000-8000-{number:012x}", tuple(network(kind, i) for i in range(k)), netns
    )


def network(kind: str, number: int) -> str:
    return f"{kind}-{number}"


def make(plugins: Path) -> None:
    """The NIC, and the plugins with one that takes its time."""
    for argv in (
        ("ip", "link", "add", NIC, "type", "veth", "peer", "name", "switch"),
        ("ip", "link", "set", NIC, "up"),
        ("ip", "link", "set", "switch", "up"),
    ):
        subprocess.run(argv, check=True)
    BIN.mkdir(parents=True)
    for plugin in plugins.iterdir():
        (BIN / plugin.name).symlink_to(plugin)
    slow = BIN / "slow"
    slow.write_text(f'#!/bin/sh\nsleep {DEVICE_SECONDS:g}\nexec "${{0%/*}}/macvlan"\n')
    slow.chmod(0o755)


def default_network(number: int, folder: Path) -> Config:
    """The default network of candidate `number`, whose files are in `folder`."""
    addresses = {"ranges": [[{"subnet": f"10.{32 + number}.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    ipam = {"type": "host-local", "dataDir": str(folder / "ipam"), **addresses}
    bridge = {"type": "bridge", "bridge": f"pods{number}", "isGateway": True, "ipam": ipam}
    return {"cniVersion": "1.0.0", "name": DEFAULT, **bridge}


def define(store: Store, folder: Path, most: int) -> None:
    """The definitions of `most` networks of each kind."""
    for kind, plugin in (("fast", "macvlan"), ("slow", "slow")):
        for k in range(most):
            ipam = {
                "type": "host-local",
                "dataDir": str(folder / "ipam"),
                "ranges": [[{"subnet": f"10.{128 + k}.0.0/16"}]],
            }
            _define(store, network(kind, k), {"type": plugin, "master": NIC, "mode": "bridge", "ipam": ipam})


def define_others(store: Store, total: int, k: int) -> None:
    """Definitions nobody asks for, until there are `total`; further ones go, but for those of `k` fast networks."""
    plural = "network-attachment-definitions"
    needed = {(plural, "default", network("fast", number)) for number in range(k)}
    have = [key for key in store.objects if key[0] == plural and key not in needed]
    for key in have[total - k :]:
        store.delete(key)
    for number in range(k + len(have), total):
        _define(store, f"other-{number}", {"type": "macvlan", "master": NIC, "ipam": {"type": "host-local"}})


def schedule(store: Store, pods: list[Pod]) -> None:
    """The pods are on this node, and wait for their sandboxes."""
    for each in pods:
        annotations = {NETWORKS: ",".join(each.networks)} if each.networks else {}
        _put_pod(store, each.name, each.uid, annotations, "Pending")


def forget(store: Store, pods: list[Pod]) -> None:
    for each in pods:
        store.delete(("pods", "default", each.name))


def run_others(store: Store, total: int, k: int) -> None:
    """Pods that have been running on this node for long; `total` of them, no more and no less."""
    have = [key for key in store.objects if key[0] == "pods" and key[2].startswith("other-")]
    for key in have[total:]:
        store.delete(key)
    for number in range(len(have), total):
        status = [
            {"name": f"default/{network('fast', i)}", "interface": f"net{i + 1}", "ips": [f"10.128.9.{i}"]}
            for i in range(k)
        ]
        annotations = {NETWORKS: ",".join(network("fast", i) for i in range(k)), STATUS: json.dumps(status)}
        _put_pod(store, f"other-{number}", f"00000000-0000-4000-9000-{number:012x}", annotations, "Running")


def _define(store: Store, name: str, config: Config) -> None:
    text = json.dumps({"cniVersion": "1.0.0", "name": name, **config})
    store.put(
        ("network-attachment-definitions", "default", name), {"metadata": {"uid": name}, "spec": {"config": text}}
    )


def _put_pod(store: Store, name: str, uid: str, annotations: dict[str, str], phase: str) -> None:
    """About as long as pods are: most of one is nothing to a plugin."""
    container = {
        "name": "work",
        "image": "work:1.0",
        "env": [{"name": f"SETTING_{i}", "value": f"value {i}"} for i in range(16)],
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
    }
    metadata = {"uid": uid, "annotations": annotations, "labels": {"app": "work"}}
    spec = {"nodeName": NODE, "containers": [container], "serviceAccountName": "default"}
    store.put(("pods", "default", name), {"metadata": metadata, "spec": spec, "status": {"phase": phase}})
