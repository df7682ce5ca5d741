"""A node on which everything runs at once: our daemon, Multus' daemon with an API server, and Multus' thin plugin.

All have the same plugins, the same `cniDir` and the same pods and definitions, so one can go on where another stopped.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from plurimus.adapters.podfiles import PodFiles
from tests.node.daemon import SHIM, Node
from tests.node.runtime import Answer, Sandbox

from .apiserver import ApiServer
from .multus import BARRIERS, PEERS, MultusDaemon

PLUGINS = {"plurimus": SHIM, "multus": PEERS / "multus", "multus-shim": PEERS / "multus-shim"}
PLURALS = {"Pod": "pods", "NetworkAttachmentDefinition": "network-attachment-definitions"}
NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"
_PATIENCE = 30.0


class SharedNode(Node):
    """`ways` is how a runtime calls a program: what is laid over a pod's configuration.

    `ours`, `thin` and `thick` are whole programs; `our-shim` speaks to Multus' daemon, `their-shim` to ours.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for plugin in PLUGINS.values():
            assert plugin.exists(), f"{plugin} is missing; run `make test-interop`"
        self.api = ApiServer(folder / "api")
        folders = {"binDir": str(self.bin), "cniDir": str(self.state), "confDir": str(self.confdir)}
        self.multus = MultusDaemon(folder / "multus", self.api, self.bridge(name="generated"), **folders)
        ours, theirs = self.config["socketDir"], str(self.multus.socket_dir)
        self.ways: dict[str, dict[str, Any]] = {
            "ours": {"type": "plurimus", "daemonSocketDir": ours},
            "thin": {"type": "multus", "kubeconfig": self.multus.kubeconfig, **folders},
            "thick": {"type": "multus-shim", "daemonSocketDir": theirs},
            "our-shim": {"type": "plurimus", "daemonSocketDir": theirs},
            "their-shim": {"type": "multus-shim", "daemonSocketDir": ours},
        }

    def __enter__(self) -> Self:
        self.api.start()
        super().__enter__()
        try:
            self.multus.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.multus.stop()
        super().__exit__()
        self.api.stop()

    def install(self, *types: str) -> None:
        """Install the plugins, with the one that is Multus' own."""
        super().install(*types)
        if not (self.bin / "passthru").exists():
            (self.bin / "passthru").symlink_to(PEERS / "passthru")

    def call(self, verb: str, conf: Mapping[str, Any] | None, env: Mapping[str, str] | None = None) -> Answer:
        """Call the plugin that `conf` names, as a runtime does; it gets the CNI variables and nothing else."""
        assert conf is not None
        plugin = PLUGINS[conf["type"]]
        full = {"CNI_COMMAND": verb, "CNI_PATH": str(self.bin), **(env or {})}
        stdin = json.dumps(conf).encode()
        done = subprocess.run([plugin], input=stdin, env=full, capture_output=True, timeout=2 * _PATIENCE, check=False)
        assert done.stderr == b"" or plugin != SHIM  # theirs write their log there
        return Answer(done.returncode, done.stdout)

    def add(self, pod: Sandbox, way: str) -> dict[str, Any]:
        pod.result = pod.call("ADD", **self.ways[way]).succeeded()
        return pod.result

    def delete(self, pod: Sandbox, way: str) -> None:
        assert pod.call("DEL", **self.ways[way]).succeeded() == {}

    def status(self, pod: Sandbox, way: str) -> str:
        """The text of the pod's network status as `way` has written it; empty where it wrote none."""
        if way in ("ours", "their-shim"):
            return PodFiles(self.manifests / "status").network_status(pod.namespace, pod.pod) or ""
        annotations: dict[str, str] = self.api.store.objects["pods", pod.namespace, pod.pod]["metadata"]["annotations"]
        return annotations.get(NETWORK_STATUS, "")

    def events(self, pod: Sandbox, way: str, expected: int) -> list[tuple[str, str]]:
        """Reason and text of the pod's events as `way` has written them: soon, if not at once."""
        end = time.monotonic() + _PATIENCE
        while len(found := self._events(pod, way)) < expected and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def _events(self, pod: Sandbox, way: str) -> list[tuple[str, str]]:
        if way in ("ours", "their-shim"):
            return pod.events()
        events, _ = self.api.store.all("events")
        return [(event["reason"], event["message"]) for event in events if event["involvedObject"]["name"] == pod.pod]

    def forget(self, pod: str, namespace: str = "default") -> None:
        super().forget(pod, namespace)
        self.api.store.delete(("pods", namespace, pod))

    def reset(self) -> None:
        super().reset()
        self.api.store.clear(*PLURALS.values(), "events", keep=BARRIERS)
        self.multus.wait_until_seen()

    def network(
        self, name: str, config: Mapping[str, Any] | None, namespace: str = "default", **annotations: str
    ) -> None:
        """A definition in both clusters; without `config` it is in a file of the node's."""
        if config is None:
            self._manifest("NetworkAttachmentDefinition", namespace, name, annotations, spec={"config": ""})
        else:
            super().network(name, config, namespace, **annotations)

    def _manifest(
        self, kind: str, namespace: str, name: str, annotations: Mapping[str, str], uid: str = "", **more: Any
    ) -> None:
        """Write to both clusters."""
        super()._manifest(kind, namespace, name, annotations, uid, **more)
        metadata = {"uid": uid or f"uid-of-{name}", "annotations": dict(annotations)}
        self.api.store.put((PLURALS[kind], namespace, name), {"metadata": metadata, **more})
        if kind == "NetworkAttachmentDefinition":
            self.multus.wait_until_seen()
