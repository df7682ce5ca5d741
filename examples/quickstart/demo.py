"""The quick start, run: a node in a network namespace of its own, two pods with three interfaces each.

    usage: demo.py [--keep]

Everything happens below /run of a mount namespace that ends with this program; nothing on the
machine itself changes.  The steps call the same commands a person would.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLURIMUS = str(Path(sys.executable).parent / "plurimus")
NODE = Path("/run/plurimus-demo")
BIN = NODE / "bin"
MANIFESTS = NODE / "manifests"
PODS = ("trainer-0", "trainer-1")
RUNTIME = ["--manifests", str(MANIFESTS), "--netconf", str(NODE / "net.d/00-plurimus.conf"), "--bin-dir", str(BIN)]
INSIDE = "PLURIMUS_DEMO_INSIDE"


def main() -> int:
    if INSIDE not in os.environ:
        _enter_namespaces()
    keep = "--keep" in sys.argv
    _say("a node: two rails, a CNI configuration, the manifests of two pods and two networks")
    _make_node()
    daemon = _start_daemon()
    try:
        _say("what trainer-0 will get, before anything is done: plurimus explain trainer-0")
        print(_plurimus("explain", "trainer-0", "--config", str(NODE / "daemon.json")))
        views = {pod: _create(pod) for pod in PODS}
        print("(macvlan stands for SR-IOV virtual functions, which this machine lacks)" if _no_sriov() else "")
        _ping(views)
        if keep:
            _hint(daemon)
            return 0
        _delete()
        return _nothing_left()
    finally:
        if not keep:
            daemon.terminate()
            daemon.wait(30)


def _enter_namespaces() -> None:
    words = ["unshare", "--net", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]  # whoever is not root is root in a namespace of users
        if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            sys.exit("demo: this machine lets only root make network namespaces: sudo make demo")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", [*words, sys.executable, *sys.argv])


def _make_node() -> None:
    _run("mount", "-t", "tmpfs", "plurimus-demo", "/run")
    _run("mount", "--make-shared", "/run")
    for folder in ("net.d", "bin", "manifests"):
        (NODE / folder).mkdir(parents=True)
    (BIN / "plurimus").symlink_to(ROOT / "build/plurimus-shim")
    for name in ("00-plurimus.conf", "10-pods.conflist"):
        (NODE / "net.d" / name).write_bytes((HERE / name).read_bytes())
    for path in (HERE / "manifests").iterdir():
        (MANIFESTS / path.name).write_bytes(path.read_bytes())
    config = (HERE / "daemon.json").read_text()
    (NODE / "daemon.json").write_text(config.replace("@MANIFESTS@", str(MANIFESTS)).replace("@BIN@", str(BIN)))
    _run("ip", "link", "set", "lo", "up")
    for rail in ("rail0", "rail1"):
        _run("ip", "link", "add", rail, "type", "veth", "peer", "name", f"{rail}-switch")
        _run("ip", "link", "set", rail, "up")
        _run("ip", "link", "set", f"{rail}-switch", "up")


def _start_daemon() -> subprocess.Popen[bytes]:
    log = (NODE / "daemon.log").open("wb")
    started = time.monotonic()
    daemon = subprocess.Popen([PLURIMUS, "daemon", "--config", str(NODE / "daemon.json")], stdout=log, stderr=log)
    while not _answers():
        if daemon.poll() is not None or time.monotonic() - started > 30:
            sys.exit(f"demo: the daemon does not start:\n{(NODE / 'daemon.log').read_text()}")
        time.sleep(0.02)
    _say(f"the daemon is ready, {(time.monotonic() - started) * 1e3:.0f} ms after its start")
    return daemon


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(NODE / "socket/multus.sock"))
        except OSError:
            return False
        return True


def _create(pod: str) -> dict[str, Any]:
    """Create a sandbox; what it holds is printed for the first pod and returned for each."""
    view: dict[str, Any] = json.loads(_plurimus("sandbox", "create", pod, *RUNTIME, "--output", "json"))
    _say(f"plurimus sandbox create {pod}: ADD took {view['seconds'] * 1e3:.0f} ms")
    for link in view["interfaces"]:
        print(f"    {link['interface']:5} {link['kind']:8} {link['mac']}  {', '.join(link['addresses'])}")
    for route in view["routes"]:
        via = f"via {route['gateway']} " if route["gateway"] else ""
        print(f"    route {route['destination']} {via}dev {route['interface']}")
    if pod == PODS[0]:
        print(f"\nnetwork status of {pod}:\n{view['networkStatus']}")
    return view


def _ping(views: dict[str, dict[str, Any]]) -> None:
    source, target = (views[pod] for pod in PODS)
    for link in target["interfaces"]:
        for prefixed in link["addresses"]:
            address = prefixed.partition("/")[0]
            namespace = Path(source["netns"]).name
            argv = [
                "ip",
                "netns",
                "exec",
                namespace,
                "ping",
                "-c",
                "2",
                "-i",
                "0.2",
                "-W",
                "5",
                "-I",
                link["interface"],
            ]
            answered = subprocess.run([*argv, address], capture_output=True, text=True, check=False)
            if answered.returncode != 0:
                sys.exit(
                    f"demo: no answer from {address} over {link['interface']}:\n{answered.stdout}{answered.stderr}"
                )
            _say(f"ping from trainer-0 to trainer-1 over {link['interface']}, {address}: answered")


def _delete() -> None:
    for pod in PODS:
        _say(_plurimus("sandbox", "delete", pod, *RUNTIME).strip())


def _nothing_left() -> int:
    """Look where something could be left; 0 if nothing is."""
    links = json.loads(_run("ip", "-json", "link"))
    expected = {"lo", "pods0"} | {f"rail{rail}{end}" for rail in (0, 1) for end in ("", "-switch")}
    left = {
        "namespaces": [path.name for path in Path("/run/netns").iterdir()],
        "links": [link["ifname"] for link in links if link["ifname"] not in expected],
        "addresses": [str(path) for path in (NODE / "ipam").glob("*/*") if path.name[0].isdigit() or ":" in path.name],
        "records": [path.name for path in (NODE / "state").iterdir() if path.is_file()],
        "cached results": [path.name for path in (NODE / "state/results").iterdir()],
    }
    for what, items in left.items():
        print(f"    {what} left: {', '.join(items) or 'none'}")
    failed = any(left.values())
    _say("something was left, see above" if failed else "nothing is left; the demonstration is complete")
    return 1 if failed else 0


def _hint(daemon: subprocess.Popen[bytes]) -> None:
    enter = f"nsenter --net --mount --target {daemon.pid}"
    _say("left standing, as asked.  To look at it:")
    print(f"    {enter} {PLURIMUS} sandbox list")
    print(f"    {enter} ip netns exec $({enter} ls /run/netns | head -1) ip addr")
    print(f"    {enter} cat {NODE}/daemon.log")
    print(f"  To end it, with all its namespaces: kill {daemon.pid}")


def _no_sriov() -> bool:
    return not list(Path("/sys/class/net").glob("*/device/sriov_totalvfs"))


_started = time.monotonic()


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _started:6.2f} s] {text}", flush=True)


def _plurimus(*argv: str) -> str:
    return _run(PLURIMUS, *argv)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"demo: {' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
