"""A node for tests, in the network namespace of the test process: a real daemon, the real shim, the real plugins.

The manifests folder is the cluster, and `runtime` plays the container runtime.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from plurimus.adapters import netns
from tests.patience import SLOWER

from . import links, snapshot
from .links import BRIDGE, RAILS
from .runtime import Answer, Sandbox
from .snapshot import ip, ip_json

if TYPE_CHECKING:
    from .nursery import Born

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "build/plurimus-shim"
PLUGINS = ROOT / "build/cni-bin"
PLURIMUS = Path(sys.executable).parent / "plurimus"
VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
_PATIENCE = 30.0 * SLOWER
_numbers = count(1)


class Node:
    """One node; `config` is laid over the daemon's configuration."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.folder = folder
        self.bin, self.manifests, self.state = folder / "bin", folder / "manifests", folder / "state"
        self.ipam, self.confdir, self.log = folder / "ipam", folder / "net.d", folder / "daemon.log"
        self.calls = folder / "calls"
        for made in (self.bin, self.manifests, self.state, self.ipam, self.confdir):
            made.mkdir()
        self.install()
        self.config = {
            "manifests": str(self.manifests),
            "socketDir": str(folder / "socket"),
            "cniDir": str(self.state),
            "binDir": str(self.bin),
            "confDir": str(self.confdir),
            "logLevel": "debug",
        } | config
        self.sandboxes: list[Sandbox] = []
        self.wrapper: list[str] = []
        """What is put before the daemon's command."""
        self._daemon: subprocess.Popen[bytes] | Born | None = None
        self._links: set[str] = set()

    def __enter__(self) -> Self:
        links.make()
        self._links = set(snapshot.kernel()["links"])
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        links.remove()

    def start(self) -> None:
        self.spawn()
        self.wait_until_ready()

    def write_config(self) -> Path:
        """Where the daemon's configuration is."""
        path = self.folder / "daemon.json"
        path.write_text(json.dumps(self.config))
        return path

    def spawn(self) -> None:
        path = self.write_config()
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen([*self.wrapper, PLURIMUS, "daemon", "--config", path], stderr=log)

    def wait_until_ready(self) -> None:
        assert self._daemon is not None
        end = time.monotonic() + _PATIENCE
        while not self._listens():
            assert self._daemon.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            assert self._daemon.wait(_PATIENCE) == 0, self.log.read_text()
            self._daemon = None

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait(_PATIENCE)
        self._daemon = None

    def install(self, *types: str) -> None:
        """Install plugins, all of them without `types`; one that is there stays."""
        for source in PLUGINS.iterdir():
            if (not types or source.name in types) and not (self.bin / source.name).exists():
                (self.bin / source.name).symlink_to(source)

    def script(self, name: str, body: str) -> None:
        """Install a plugin written in Python; it finds `env` and its configuration in `conf`."""
        head = (
            f"#!{sys.executable} -IS\nimport json, os, subprocess, sys\nenv = os.environ\nconf = json.load(sys.stdin)\n"
        )
        path = self.bin / name
        path.write_text(head + body)
        path.chmod(0o755)

    def netconf(self, cluster_network: Mapping[str, Any], version: str = "1.1.0") -> dict[str, Any]:
        """The node's CNI configuration, with `cluster_network` in a file of its own."""
        path = self.confdir / f"{next(_numbers):03}.conf{'list' if 'plugins' in cluster_network else ''}"
        path.write_text(json.dumps(cluster_network))
        return {
            "cniVersion": version,
            "name": "node",
            "type": "plurimus",
            "daemonSocketDir": self.config["socketDir"],
            "cniDir": self.config["cniDir"],
            "clusterNetwork": str(path),
        }

    def network(self, name: str, config: Mapping[str, Any], namespace: str = "default", **annotations: str) -> None:
        """A NetworkAttachmentDefinition; the CNI name is its own name unless `config` has one."""
        self._manifest("NetworkAttachmentDefinition", namespace, name, annotations, spec={"config": json.dumps(config)})

    def sandbox(
        self,
        networks: Any = "",
        *,
        default: Any = None,
        cluster_network: Mapping[str, Any] | None = None,
        version: str = "1.1.0",
        namespace: str = "default",
        devices: Mapping[str, Any] | None = None,
        priority: str = "",
    ) -> Sandbox:
        """A pod that asks for `networks` (`default`: as its default network), and an empty sandbox for it.

        `devices` are those its containers were allocated, by resource name; `priority` is its class.
        """
        number = next(_numbers)
        annotations = {"k8s.v1.cni.cncf.io/networks": networks, "v1.multus-cni.io/default-network": default,
                       "plurimus.io/devices": devices}  # fmt: skip
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in annotations.items()
                 if value is not None}  # fmt: skip
        pod = f"pod{number}"
        spec = {"spec": {"priorityClassName": priority}} if priority else {}
        self._manifest("Pod", namespace, pod, texts, uid=f"uid-{number}", **spec)
        netconf = self.netconf(cluster_network or self.bridge(), version)
        path = f"/run/netns/plurimus-{number}"
        netns.create(path)
        netns.visit(path, links.trust_addresses)
        made = Sandbox(self, pod, namespace, f"sandbox{number}", path, netconf, uid=f"uid-{number}")
        self.sandboxes.append(made)
        return made

    def forget(self, pod: str, namespace: str = "default") -> None:
        """Delete the pod from the cluster."""
        (self.manifests / f"Pod.{namespace}.{pod}.yaml").unlink()

    def call(self, verb: str, conf: Mapping[str, Any] | None, env: Mapping[str, str] | None = None) -> Answer:
        """Call the shim; it gets the CNI variables and nothing else."""
        full = {"CNI_COMMAND": verb, "CNI_PATH": str(self.bin), **(env or {})}
        stdin = b"" if conf is None else json.dumps(conf).encode()
        done = subprocess.run([SHIM], input=stdin, env=full, capture_output=True, timeout=2 * _PATIENCE, check=False)
        assert done.stderr == b""
        return Answer(done.returncode, done.stdout)

    def post(self, path: str, env: Mapping[str, str], config: Mapping[str, Any], **more: Any) -> Answer:
        """One request to the daemon itself; the status is 0 for HTTP 200 and 1 for 400.

        Raises:
            ConnectionError: it ended before it answered.
        """
        with self._asked(path, env, config, more) as channel:
            answer = b"".join(iter(lambda: channel.recv(65536), b""))
        if not answer:
            raise ConnectionError("the daemon ended without an answer")
        head, _, content = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        assert status in (200, 400), answer
        return Answer(int(status != 200), content)

    def post_unheard(self, path: str, env: Mapping[str, str], config: Mapping[str, Any], **more: Any) -> None:
        """One request whose answer gets lost: whoever asked goes once it is there, and does not read it."""
        with self._asked(path, env, config, more) as channel:
            assert channel.recv(1, socket.MSG_PEEK)

    def _asked(
        self, path: str, env: Mapping[str, str], config: Mapping[str, Any], more: Mapping[str, Any]
    ) -> socket.socket:
        """The connection with a request on it."""
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        body = json.dumps({"env": {"CNI_PATH": str(self.bin), **env}, "config": encoded, **more}).encode()
        head = f"POST {path} HTTP/1.0\r\nHost: node\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(_PATIENCE)
        try:
            channel.connect(self._socket)
            channel.sendall(head + body)
        except BaseException:
            channel.close()
            raise
        return channel

    def links(self) -> dict[str, dict[str, Any]]:
        """The links of the host by name."""
        return {link["ifname"]: link for link in ip_json("-details", "link")}

    def bridge(self, **more: Any) -> dict[str, Any]:
        """A configuration of the bridge plugin on the node's bridge, with addresses of its own."""
        return {"cniVersion": "1.1.0", "name": "pods", "type": "bridge", "bridge": BRIDGE, "isDefaultGateway": True,
                "ipam": self.host_local("10.244.0.0/24")} | more  # fmt: skip

    def macvlan(self, number: int = 0, **more: Any) -> dict[str, Any]:
        """A configuration of macvlan on a rail; its name is its definition's."""
        return {"cniVersion": "1.1.0", "type": "macvlan", "master": RAILS[number],
                "ipam": self.host_local(f"10.{number + 10}.0.0/24")} | more  # fmt: skip

    def host_local(self, *subnets: str, **more: Any) -> dict[str, Any]:
        ranges = [[{"subnet": subnet}] for subnet in subnets]
        return {"type": "host-local", "dataDir": str(self.ipam), "ranges": ranges, **more}

    def lose(self, sandbox: Sandbox) -> None:
        """The sandbox's namespace ends, and nobody asks for anything."""
        netns.delete(sandbox.netns)
        self.sandboxes.remove(sandbox)

    def snapshot(self) -> dict[str, Any]:
        return snapshot.take([each.name for each in self.sandboxes], (self.state, self.ipam))

    def is_as(self, before: Mapping[str, Any]) -> None:
        """Everything is as it was; the kernel gets a moment, since it takes namespaces down by and by."""
        end = time.monotonic() + _PATIENCE / 3
        while (now := self.snapshot()) != before and time.monotonic() < end:
            time.sleep(0.05)
        assert now == before, snapshot.difference(before, now)

    def reset(self) -> None:
        """What a test made goes, however it ended."""
        for sandbox in self.sandboxes:
            sandbox.call("DEL")
            netns.delete(sandbox.netns)
        self.sandboxes.clear()
        self.calls.unlink(missing_ok=True)
        for folder in (self.state, self.ipam, self.confdir, self.manifests, self.bin):
            _empty(folder)
        self.install()
        ip("neigh", "flush", "dev", BRIDGE)  # the next pod may get an address again
        for link in set(snapshot.kernel()["links"]) - self._links:
            subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)

    def _manifest(
        self, kind: str, namespace: str, name: str, annotations: Mapping[str, str], uid: str = "", **more: Any
    ) -> None:
        metadata = {"namespace": namespace, "name": name, "uid": uid, "annotations": dict(annotations)}
        path = self.manifests / f"{kind}.{namespace}.{name}.yaml"
        path.write_text(yaml.safe_dump({"kind": kind, "metadata": metadata, **more}))

    @property
    def _socket(self) -> str:
        return str(Path(self.config["socketDir"]) / "multus.sock")

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self._socket) == 0


def _empty(folder: Path) -> None:
    """The folder itself stays: it may be mounted elsewhere, too."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
