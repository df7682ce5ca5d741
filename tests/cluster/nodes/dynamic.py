"""What the dynamic networks controller does on a node, played here: its module is not to be had where tests run.

It looks at a pod's networks annotation and network status, asks the daemon for the difference at `/delegate`, and
writes the network status itself.  Spec section 9.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plurimus.model.pod import NETWORK_STATUS, NETWORKS
from tests.cluster import objects
from tests.cluster.client import Client, Object
from tests.cluster.node import Node
from tests.interop.multus import http

Key = tuple[str, str, str]


class DynamicNetworks:
    """`sockets` is where the daemon's socket is."""

    def __init__(self, admin: Client, node: Node, sockets: Path) -> None:
        self._admin, self._node, self._sockets = admin, node, sockets

    def change(self, name: str, namespace: str, networks: list[dict[str, Any]]) -> None:
        """Have a pod that runs ask for `networks`, which name their interfaces, and see to it."""
        annotation = {"metadata": {"annotations": {NETWORKS: json.dumps(networks)}}}
        pod = self._admin.patch(objects.path(objects.pod(name, namespace)), annotation)
        status = json.loads(pod["metadata"]["annotations"][NETWORK_STATUS])
        wanted = {(each.get("namespace", namespace), each["name"], each["interface"]): each for each in networks}
        there = {(*each["name"].split("/"), each["interface"]): each for each in status if not each.get("default")}
        for key, element in wanted.items():
            if key not in there:
                result = json.loads(self._ask("ADD", pod, key, element))["Result"]
                status.append(_element(key, result))
        for key, element in there.items():
            if key not in wanted:
                self._ask("DEL", pod, key, {})
                status.remove(element)
        self._write(pod, status)

    def _ask(self, verb: str, pod: Object, key: Key, element: Mapping[str, Any]) -> str:
        namespace, network, interface = key
        about = pod["metadata"]
        sandbox = self._node.sandbox(about["namespace"], about["name"])
        definition = self._admin.get(objects.path(objects.network(network, namespace, "")))
        config = json.loads(definition["spec"]["config"]) | {"name": network}
        args = f"K8S_POD_NAMESPACE={about['namespace']};K8S_POD_NAME={about['name']};K8S_POD_UID={about['uid']}"
        body = {
            "env": {
                "CNI_COMMAND": verb,
                "CNI_CONTAINERID": sandbox.id,
                "CNI_NETNS": f"/var/run/netns/{sandbox.netns}",
                "CNI_IFNAME": interface,
                "CNI_ARGS": args,
            },
            "config": base64.b64encode(json.dumps(config).encode()).decode(),
            "interfaceAttributes": {key: element[key] for key in ("ips", "mac", "cni-args") if key in element},
        }
        status, answer = http(self._sockets, "POST", "/delegate", json.dumps(body))
        assert status == 200, answer
        return answer.decode()

    def _write(self, pod: Object, status: list[dict[str, Any]]) -> None:
        annotation = {"metadata": {"annotations": {NETWORK_STATUS: json.dumps(status)}}}
        self._admin.patch(f"{objects.path(pod)}/status", annotation)


def _element(key: Key, result: Mapping[str, Any]) -> dict[str, Any]:
    namespace, network, interface = key
    (mac,) = [each["mac"] for each in result["interfaces"] if each.get("sandbox")]
    ips = [each["address"].partition("/")[0] for each in result["ips"]]
    return {"name": f"{namespace}/{network}", "interface": interface, "ips": ips, "mac": mac, "dns": {}}
