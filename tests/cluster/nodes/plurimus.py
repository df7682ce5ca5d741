"""Plurimus on the tests' node: the daemon as a process of the node, the shim where the runtime finds it.

The node's CNI configuration is written by hand here; it delegates to the network the node had without Plurimus.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests import kubeconfigs
from tests.cluster import deployed, objects
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.service import Service
from tests.cluster.waiting import eventually
from tests.node import snapshot
from tests.node.daemon import PLURIMUS, SHIM
from tests.node.snapshot import ip, ip_json

UPLINK = "rail0"
"""The link of the node that macvlan networks are on."""
_BRIDGE = "primary0"


class Plurimus:
    """A `with` block installs it and removes it; the node's runtime has seen each when the block begins and ends."""

    def __init__(self, folder: Path, node: Node, control_plane: ControlPlane) -> None:
        self.folder, self._node, self._control_plane = folder, node, control_plane
        self.state, self.sockets = folder / "state", folder / "socket"
        self.ipam = Path("/var/lib/cni/tests") / folder.name  # where definitions may have it
        self._config = folder / "daemon.json"
        self._conflist = node.confdir / "00-plurimus.conflist"
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MULTUS_NODE_NAME": node.name}
        command = [PLURIMUS, "daemon", "--config", self._config]
        self.daemon = Service("plurimus", command, folder / "plurimus.log", self._listens, environment)

    def __enter__(self) -> Self:
        try:
            self.plug_in()
            deployed.apply(self._control_plane.admin)
            self._set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._take_down()
        if UPLINK in self._links():
            ip("link", "delete", UPLINK)

    @staticmethod
    def plug_in() -> None:
        """Give the node its uplink, which it has while nobody takes its power."""
        ip("link", "add", UPLINK, "type", "veth", "peer", "name", f"{UPLINK}-peer")
        for link in (UPLINK, f"{UPLINK}-peer"):
            ip("link", "set", link, "up")

    @contextmanager
    def configured(self, **config: Any) -> Iterator[None]:
        """Restart the daemon with `config` laid over its configuration; as before afterwards."""
        self._restart(**config)
        try:
            yield
        finally:
            self._restart()

    def kill(self) -> None:
        """End the daemon as the kernel does when memory is short."""
        self.daemon.stop()

    def network(self, name: str, namespace: str, subnet: str = "10.10.0.0/16", **more: Any) -> None:
        """Create a definition of a macvlan network on the node's uplink, whose addresses start with the test."""
        objects.create(
            self._control_plane.admin, objects.network(name, namespace, self.macvlan(namespace, subnet, **more))
        )

    def macvlan(self, namespace: str, subnet: str = "10.10.0.0/16", **more: Any) -> str:
        """Its configuration; `more` is laid over it."""
        ipam = {"type": "host-local", "dataDir": str(self.ipam / namespace), "ranges": [[{"subnet": subnet}]]}
        return json.dumps({"cniVersion": "1.0.0", "type": "macvlan", "master": UPLINK, "ipam": ipam} | more)

    def executed(self, network: str, sandbox: str, ifname: str) -> dict[str, Any]:
        """The configuration that an attachment was made with, as libcni's result cache has it."""
        cached = json.loads((self.state / "results" / f"{network}-{sandbox}-{ifname}").read_text())
        config: dict[str, Any] = json.loads(base64.b64decode(cached["config"]))
        return config

    def left(self) -> dict[str, Any]:
        """All that pods have on the node: links, network namespaces, addresses, records, cached results, owed DELs."""
        return {
            "links": sorted(self._links() | {_BRIDGE}),
            "namespaces": sorted(path.name for path in Path("/run/netns").iterdir()),
            "addresses": snapshot.files(self.ipam) | snapshot.files(self._node.folder / "host-local"),
            "state": snapshot.files(self.state),
        }

    def is_as(self, before: dict[str, Any]) -> None:
        """Wait until the node has what it had; the kernel takes namespaces down by and by."""
        eventually(lambda: snapshot.difference(before, self.left()), lambda difference: not difference)

    def records(self) -> set[str]:
        """The sandboxes that are on record."""
        return {path.name for path in self.state.glob("*") if path.is_file()}

    def restart_runtime(self) -> None:
        """It reads the node's CNI configuration when it starts; when it sees a change while it runs, nobody is told."""
        self._node.containerd.stop()
        self._node.containerd.start()

    def _set_up(self) -> None:
        (self._node.bin / "plurimus").symlink_to(SHIM)
        self._configure()
        self.daemon.start()
        self._conflist.write_text(json.dumps(self._chain()))
        self.restart_runtime()

    def _take_down(self) -> None:
        self._conflist.unlink(missing_ok=True)
        self.restart_runtime()
        self.daemon.stop()
        (self._node.bin / "plurimus").unlink(missing_ok=True)

    def _chain(self) -> dict[str, Any]:
        plugin = {"type": "plurimus", "daemonSocketDir": str(self.sockets), "cniDir": str(self.state)}
        return {"cniVersion": "1.1.0", "name": "node", "plugins": [plugin]}

    def _configure(self, **config: Any) -> None:
        own = {
            "kubeconfig": str(self._kubeconfig()),
            "clusterNetwork": str(self._node.confdir / "10-primary.conflist"),
            "socketDir": str(self.sockets),
            "cniDir": str(self.state),
            "binDir": str(self._node.bin),
            "logLevel": "debug",
        }
        self._config.write_text(json.dumps(own | config))

    def _kubeconfig(self) -> Path:
        """The daemon's identity: the service account of deploy/, by a token in a file."""
        token = self.folder / "token"
        token.write_text(deployed.token(self._control_plane.admin))
        return kubeconfigs.write(self.folder / "kubeconfig", self._control_plane.server, ca=self._control_plane.ca,
                                 user={"tokenFile": str(token)})  # fmt: skip

    def _restart(self, **config: Any) -> None:
        self.daemon.stop(kindly=True)
        self._configure(**config)
        self.daemon.start()

    def _links(self) -> set[str]:
        return {link["ifname"] for link in ip_json("link")}

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as channel:
            return channel.connect_ex(str(self.sockets / "multus.sock")) == 0
