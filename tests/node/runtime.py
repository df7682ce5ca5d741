"""The container runtime's part of CNI: sandboxes of pods, and the calls a runtime makes for them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plurimus.adapters.podfiles import PodFiles

from .snapshot import ip, ip_json, run

if TYPE_CHECKING:
    from .daemon import Node


@dataclass(frozen=True, slots=True)
class Answer:
    """How one call ended."""

    status: int
    stdout: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    def refused(self, code: int) -> str:
        """The words of the CNI error, which has this code."""
        assert self.status == 1, f"the call succeeded: {self.stdout!r}"
        assert self.document["code"] == code, self.stdout
        return f"{self.document['msg']} {self.document.get('details', '')}"

    def succeeded(self) -> dict[str, Any]:
        """The result; empty for the verbs that print none."""
        assert self.status == 0, self.stdout.decode()
        return self.document if self.stdout else {}


def launched(plugin: Path, env: Mapping[str, str], conf: Mapping[str, Any], **more: Any) -> subprocess.Popen[bytes]:
    """A call of a plugin that runs beside the test, and has all of its input."""
    call = subprocess.Popen([plugin], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
    assert call.stdin is not None
    call.stdin.write(json.dumps(conf).encode())
    call.stdin.close()
    call.stdin = None
    return call


@dataclass(slots=True)
class Sandbox:
    """One sandbox of one pod, and the runtime's calls for it."""

    node: Node
    pod: str
    namespace: str
    id: str
    netns: str
    netconf: dict[str, Any]
    uid: str = ""
    runtime_config: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] | None = None

    def call(self, verb: str, **more: Any) -> Answer:
        """Call the shim as a runtime does; CHECK and DEL get the result of ADD from 0.4.0 on."""
        conf = {**self.netconf, **({"runtimeConfig": self.runtime_config} if self.runtime_config else {}), **more}
        if verb in ("CHECK", "DEL") and self.result and conf.get("cniVersion", "") >= "0.4.0":
            conf["prevResult"] = self.result
        return self.node.call(verb, conf, self.environment())

    def environment(self, ifname: str = "eth0") -> dict[str, str]:
        pod = f"K8S_POD_NAMESPACE={self.namespace};K8S_POD_NAME={self.pod}"
        args = f"IgnoreUnknown=1;{pod};K8S_POD_INFRA_CONTAINER_ID={self.id};K8S_POD_UID={self.uid}"
        return {"CNI_CONTAINERID": self.id, "CNI_NETNS": self.netns, "CNI_IFNAME": ifname, "CNI_ARGS": args}

    def add(self) -> dict[str, Any]:
        self.result = self.call("ADD").succeeded()
        return self.result

    def check(self) -> None:
        assert self.call("CHECK").succeeded() == {}

    def delete(self) -> None:
        assert self.call("DEL").succeeded() == {}

    @property
    def name(self) -> str:
        """The name `ip -n` knows the namespace under."""
        return Path(self.netns).name

    def ip(self, *argv: str) -> str:
        return ip(*argv, namespace=self.name)

    def ip_json(self, *argv: str) -> list[dict[str, Any]]:
        return ip_json(*argv, namespace=self.name)

    def links(self) -> dict[str, dict[str, Any]]:
        """The pod's links by name, loopback left out."""
        return {link["ifname"]: link for link in self.ip_json("-details", "link") if link["ifname"] != "lo"}

    def addresses(self) -> dict[str, list[str]]:
        """The addresses of the pod's links with their prefix lengths, loopback and link-local ones left out."""
        return {
            link["ifname"]: [f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global"]
            for link in self.ip_json("addr")
            if link["ifname"] != "lo"
        }

    def sysctl(self, key: str) -> str:
        return run("ip", "netns", "exec", self.name, "sysctl", "-n", key).strip()

    def default_routes(self, family: int = 4) -> set[tuple[str, str]]:
        """Gateway and interface of each default route in the pod's main table."""
        routes = self.ip_json(f"-{family}", "route", "show", "default")
        hops = [hop for route in routes for hop in route.get("nexthops", [route])]
        return {(hop.get("gateway", ""), hop["dev"]) for hop in hops}

    def network_status(self) -> list[dict[str, Any]]:
        """The annotation; an empty list where none was written."""
        found: list[dict[str, Any]] = json.loads(self._written.network_status(self.namespace, self.pod) or "[]")
        return found

    def events(self) -> list[tuple[str, str]]:
        """Reason and text of the pod's events."""
        return [(event.reason, event.text) for event in self._written.events(self.namespace, self.pod)]

    def cached(self, network: str, ifname: str) -> dict[str, Any]:
        """The entry of the result cache."""
        path = self.node.state / "results" / f"{network}-{self.id}-{ifname}"
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found

    @property
    def record(self) -> Path:
        return self.node.state / self.id

    def recorded(self) -> list[str]:
        """The names of the networks on record, in order; none where there is no record."""
        return [each["Name"] for each in json.loads(self.record.read_bytes())] if self.record.exists() else []

    @property
    def _written(self) -> PodFiles:
        return PodFiles(self.node.manifests / "status")
