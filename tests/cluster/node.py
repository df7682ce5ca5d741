"""A node of the cluster, in the namespaces of the test process: containerd, runc and kubelet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.node.daemon import PLUGINS
from tests.node.snapshot import ip, ip_json

from .cgroups import ControlGroup
from .client import Client, Object
from .controlplane import SERVICE_ADDRESS, ControlPlane
from .kubelet import KERNEL, kubelet
from .runtime import Containerd
from .waiting import eventually

ADDRESS = "198.51.100.1"
PODS = "10.244.0.0/24"
KUBELET = Path("/var/lib/kubelet")
_DISK = "/var/lib"
_LINK = "node0"
_CRI = "io.kubernetes.cri"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What containerd made for a pod; `netns` is a name `ip -n` knows, empty for the host's."""

    namespace: str
    pod: str
    id: str
    netns: str

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Self:
        """The sandbox of an OCI runtime's specification."""
        told = {key: spec["annotations"][f"{_CRI}.sandbox-{key}"] for key in ("namespace", "name", "id")}
        paths = [each.get("path", "") for each in spec["linux"]["namespaces"] if each["type"] == "network"]
        return cls(told["namespace"], told["name"], told["id"], Path(paths[0]).name if paths else "")


class Node:
    """Starts and ends with a `with` block; all it had is gone afterwards: processes, mounts, links, control groups.

    `bin` and `confdir` are the CNI folders: they have the reference plugins, and a network that gives pods `eth0` as
    clusters have one.  `kubelet` and `containerd` may be stopped and started in between.
    """

    def __init__(self, folder: Path, control_plane: ControlPlane, name: str = "node-1") -> None:
        self.folder, self.name = folder, name
        self.bin, self.confdir = folder / "bin", folder / "net.d"
        self.bin.mkdir()
        self.confdir.mkdir()
        for plugin in PLUGINS.iterdir():
            (self.bin / plugin.name).symlink_to(plugin)
        (self.confdir / "10-primary.conflist").write_text(json.dumps(self._primary()))
        self._admin: Client = control_plane.admin
        self._links: set[str] = set()
        self._group = ControlGroup(f"plurimus-tests-{os.getpid()}")
        self.containerd = Containerd(folder, self._group, self.bin, self.confdir)
        self.kubelet = kubelet(folder, control_plane, self._group, name, ADDRESS, self.containerd.socket)

    def __enter__(self) -> Self:
        self._links = {link["ifname"] for link in ip_json("link")}
        try:
            self._own_disk()
            self.boot()
            eventually(lambda: self._conditions().get("Ready") == "True")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        subprocess.run(["umount", "--lazy", _DISK], check=False, capture_output=True)
        for state in ("containerd", "kubelet"):
            shutil.rmtree(self.folder / state, ignore_errors=True)

    def boot(self) -> None:
        """Start it; it is not waited for until it is ready."""
        # as on a machine that was booted; pods see what is mounted later
        subprocess.run(["mount", "--make-rshared", "/"], check=True)
        self._show_kernel()
        self._show_kubelet()
        # kubelet wants an address that is not loopback's
        ip("link", "add", _LINK, "type", "bridge")
        ip("addr", "add", f"{ADDRESS}/24", "dev", _LINK)
        ip("link", "set", _LINK, "up")
        # there is no kube-proxy: what comes to the service's address has come to the API server
        ip("addr", "add", f"{SERVICE_ADDRESS}/32", "dev", _LINK)
        self.containerd.start()
        self.kubelet.start()

    def lose_power(self) -> None:
        """All that runs is gone at once, and so are all links and /run; what is on a disk stays."""
        self._end()
        self._group.make()
        shutil.rmtree(self.folder / "containerd/state")
        for path in Path("/run").iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        Path("/run/netns").mkdir()

    def _end(self) -> None:
        self.kubelet.stop()
        self.containerd.stop()
        self._group.remove()
        for link in ip_json("link"):
            if link["ifname"] not in self._links and "master" not in link:
                subprocess.run(["ip", "link", "del", link["ifname"]], check=False, capture_output=True)
        self._unmount()

    def sandbox(self, namespace: str, pod: str) -> Sandbox:
        """The one sandbox of a pod."""
        (found,) = [each for each in self.sandboxes() if (each.namespace, each.pod) == (namespace, pod)]
        return found

    def sandboxes(self) -> list[Sandbox]:
        """All sandboxes containerd knows of."""
        specs = [each["Spec"] for each in self._containers()]
        return [Sandbox.of(spec) for spec in specs if spec["annotations"][f"{_CRI}.container-type"] == "sandbox"]

    def pid(self, namespace: str, pod: str) -> int:
        """The process of the one container of a pod."""
        names = {"namespace": namespace, "name": pod}
        labels = {f"io.kubernetes.pod.{key}": value for key, value in names.items()} | {
            "io.cri-containerd.kind": "container"
        }
        (found,) = [each["ID"] for each in self._containers() if labels.items() <= each["Labels"].items()]
        tasks = dict(line.split()[:2] for line in self.containerd.ctr("tasks", "list").splitlines())
        return int(tasks[found])

    def _containers(self) -> list[Object]:
        found = []
        for each in self._listed():
            try:
                found.append(json.loads(self.containerd.ctr("containers", "info", each)))
            except subprocess.CalledProcessError:
                # kubelet removes what has ended whenever it likes
                assert each not in self._listed()
        return found

    def _listed(self) -> list[str]:
        return self.containerd.ctr("containers", "list", "--quiet").split()

    def _primary(self) -> Object:
        ipam = {
            "type": "host-local",
            "ranges": [[{"subnet": PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(self.folder / "host-local"),
        }
        bridge = {"type": "bridge", "bridge": "primary0", "isGateway": True, "ipam": ipam}
        return {"cniVersion": "1.0.0", "name": "primary", "plugins": [bridge]}

    def _conditions(self) -> dict[str, str]:
        nodes: list[Object] = self._admin.get("/api/v1/nodes")["items"]
        mine = [node["status"].get("conditions", []) for node in nodes if node["metadata"]["name"] == self.name]
        return {each["type"]: each["status"] for each in (mine[0] if mine else [])}

    def _own_disk(self) -> None:
        """What runtimes, kubelet and pods keep in their usual places is the node's, not the machine's."""
        upper, work = self.folder / "disk/upper", self.folder / "disk/work"
        for folder in (upper, work):
            folder.mkdir(parents=True)
        options = f"lowerdir={_DISK},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "tests", _DISK], check=True)

    def _show_kernel(self) -> None:
        """Show kubelet the settings it would make for the whole machine."""
        for key, value in KERNEL.items():
            shown = self.folder / "kernel" / key
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.write_text(value + "\n")
            subprocess.run(["mount", "--bind", shown, f"/proc/sys/{key}"], check=True)

    def _show_kubelet(self) -> None:
        """Have kubelet's folder where device plugins look for it, which no flag of kubelet's changes."""
        own = self.folder / "kubelet"
        for folder in (own, KUBELET):
            folder.mkdir(parents=True, exist_ok=True)
        for what in (("--bind", own, KUBELET), ("--make-private", KUBELET), ("--make-shared", KUBELET)):
            subprocess.run(["mount", *what], check=True)

    def _unmount(self) -> None:
        below = (str(self.folder) + "/", str(KUBELET), "/run/netns/cni-", *(f"/proc/sys/{key}" for key in KERNEL))
        points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for point in reversed(points):
            if point.startswith(below):
                subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
