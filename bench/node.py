"""A node to measure on: namespaces of its own, a NIC, K networks, a daemon.

Everything lives in a network and mount namespace that ends with this program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("/run/plurimus-bench")
PLUGINS = FOLDER / "bin"
SHIM = PLUGINS / "plurimus"
NETCONF = {
    "cniVersion": "1.0.0",
    "name": "plurimus",
    "type": "plurimus",
    "daemonSocketDir": str(FOLDER / "socket"),
    "cniDir": str(FOLDER / "state"),
}
_INSIDE = "PLURIMUS_BENCH_INSIDE"

Config = dict[str, Any]


def enter() -> None:
    """Run this program again in namespaces of its own, unless it is in them already."""
    if _INSIDE in os.environ:
        return
    if os.geteuid() != 0:
        sys.exit("bench: needs root, to make network namespaces")
    os.environ[_INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def networks(count: int) -> list[Config]:
    """The configurations of a pod with `count` networks beside the default one, which comes first."""
    ipam: Config = {"type": "host-local", "dataDir": str(FOLDER / "ipam")}
    bridge: Config = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipam": {**ipam, "ranges": [[{"subnet": "10.244.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }
    rails: list[Config] = [
        {"type": "macvlan", "master": "rail0", "ipam": {**ipam, "ranges": [[{"subnet": f"10.56.{k}.0/24"}]]}}
        for k in range(count)
    ]
    return [
        {"cniVersion": "1.0.0", "name": name, **config}
        for name, config in zip(["pods", *(f"rail-{k}" for k in range(count))], [bridge, *rails], strict=True)
    ]


def make(most: int) -> None:
    """The node: plugins, shim, NIC, definitions of `most` networks and a pod for each number of them."""
    for argv in (
        ("mount", "-t", "tmpfs", "plurimus-bench", "/run"),
        ("mount", "--make-shared", "/run"),
        ("ip", "link", "set", "lo", "up"),
        ("ip", "link", "add", "rail0", "type", "veth", "peer", "name", "switch"),
        ("ip", "link", "set", "rail0", "up"),
        ("ip", "link", "set", "switch", "up"),
    ):
        subprocess.run(argv, check=True)
    for folder in ("bin", "net.d", "manifests"):
        (FOLDER / folder).mkdir(parents=True)
    for plugin in (ROOT / "build/cni-bin").iterdir():
        (PLUGINS / plugin.name).symlink_to(plugin)
    SHIM.symlink_to(ROOT / "build/plurimus-shim")
    default, *rails = networks(most)
    (FOLDER / "net.d/10-pods.conf").write_text(json.dumps(default))
    objects = [_definition(config) for config in rails] + [_pod(count) for count in range(most + 1)]
    (FOLDER / "manifests/all.yaml").write_text(yaml.safe_dump_all(objects))
    daemon = {
        "manifests": str(FOLDER / "manifests"),
        "socketDir": str(FOLDER / "socket"),
        "cniDir": str(FOLDER / "state"),
        "binDir": str(PLUGINS),
        "clusterNetwork": str(FOLDER / "net.d/10-pods.conf"),
    }
    (FOLDER / "daemon.json").write_text(json.dumps(daemon))


def start_daemon() -> subprocess.Popen[bytes]:
    """The daemon, ready; end it with `stop_daemon`."""
    plurimus = str(Path(sys.executable).parent / "plurimus")
    log = (FOLDER / "daemon.log").open("wb")
    process = subprocess.Popen([plurimus, "daemon", "--config", str(FOLDER / "daemon.json")], stderr=log)
    deadline = time.monotonic() + 30
    while not (FOLDER / "socket/multus.sock").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"bench: the daemon does not start:\n{(FOLDER / 'daemon.log').read_text()}")
        time.sleep(0.01)
    return process


def stop_daemon(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def pod_name(count: int) -> str:
    """The pod with `count` networks beside the default one."""
    return f"pod-{count}"


def _definition(config: Config) -> Config:
    return {
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": config["name"]},
        "spec": {"config": json.dumps(config)},
    }


def _pod(count: int) -> Config:
    annotations = {"k8s.v1.cni.cncf.io/networks": ",".join(f"rail-{k}" for k in range(count))}
    return {
        "kind": "Pod",
        "metadata": {"name": pod_name(count), "uid": f"uid-{count}", "annotations": annotations if count else {}},
    }
