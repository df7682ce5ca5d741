"""Requests for addresses, the original whereabouts that serves them too, and what the API server then has."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .allocating import Request
from .client import Client, Refused
from .controlplane import ControlPlane
from .programs import ROOT

ORIGINAL = ROOT / "build/whereabouts/whereabouts"
PATH = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system"


class Original:
    """The real whereabouts, as the node `node`."""

    def __init__(self, control_plane: ControlPlane, folder: Path, node: str = "node-0") -> None:
        if not ORIGINAL.exists():
            pytest.fail(f"{ORIGINAL.relative_to(ROOT)} is missing; run `make test-cluster`, which builds it")
        self._flat, self._node = folder / "whereabouts.conf", node
        kubeconfig = {"kubeconfig": str(control_plane.kubeconfig)}
        self._flat.write_text(json.dumps({"datastore": "kubernetes", "kubernetes": kubeconfig}))

    def run(self, request: Request) -> str:
        """The address, or the error."""
        ipam = {**request["conf"]["ipam"], "configuration_path": str(self._flat)}
        stdin = json.dumps({**request["conf"], "ipam": ipam})
        env = os.environ | request["env"] | {"NODENAME": self._node}
        done = subprocess.run(
            [ORIGINAL], input=stdin, capture_output=True, text=True, check=False, env=env, timeout=150
        )
        printed = json.loads(done.stdout or "{}")
        return " ".join(ip["address"] for ip in printed.get("ips", [])) if done.returncode == 0 else str(printed["msg"])


def request(command: str, pod: str, range_: str, ifname: str = "net1", *, container: str = "", **ipam: Any) -> Request:
    conf = {"cniVersion": "1.0.0", "name": "rail", "type": "macvlan",
            "ipam": {"type": "whereabouts", "range": range_, **ipam}}  # fmt: skip
    env = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container or f"sandbox-of-{pod}",
        "CNI_NETNS": "/run/netns/pod",
        "CNI_IFNAME": ifname,
        "CNI_PATH": "/opt/cni/bin",
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME={pod}",
    }
    return {"env": env, "conf": conf}


def held(admin: Client, range_: str, prefix: str = "") -> dict[str, str]:
    """The pods that have an address of a pool, by address."""
    start = ipaddress.ip_network(range_)[0]
    spec = admin.get(f"{PATH}/ippools/{prefix}{range_.replace('/', '-')}")["spec"]
    assert spec["range"] == range_
    return {str(start + int(key)): f"{each['podref']} {each['ifname']}" for key, each in spec["allocations"].items()}


def reserved(admin: Client, range_: str) -> dict[str, str]:
    """The pods that have an address of a range among all pools, by address."""
    items = admin.get(f"{PATH}/overlappingrangeipreservations")["items"]
    found = {each["metadata"]["name"]: f"{each['spec']['podref']} {each['spec'].get('ifname', '')}" for each in items}
    start = range_.rpartition(".")[0]
    return {name: whose for name, whose in found.items() if name.startswith(f"{start}.")}


def serves(admin: Client, path: str) -> bool:
    """Whether the API server has made a kind's store ready, which it does after it calls the kind established."""
    try:
        return "items" in admin.get(path)
    except Refused:
        return False
