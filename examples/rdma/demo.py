"""The GPU data plane, alive: two pods with eth0 and a virtual function as net1, and an RDMA ping over it.

    usage: demo.py          in the machine that `make demo-rdma` boots, which has the cards

The card is emulated, and RDMA is soft RoCE over the function: software that does what a card with RDMA would.  All else
is as on a node with such cards.  The steps call the same commands a person would.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
QUICKSTART = HERE.parent / "quickstart"
PLURIMUS = str(Path(sys.executable).parent / "plurimus")
NODE = Path("/run/plurimus-demo")
BIN, MANIFESTS, CONFIG = NODE / "bin", NODE / "manifests", NODE / "daemon.json"
RUNTIME = ["--manifests", str(MANIFESTS), "--netconf", str(NODE / "net.d/00-plurimus.conf"), "--bin-dir", str(BIN)]
CARD = Path("/sys/class/net/pf0")
PODS = ("trainer-0", "trainer-1")
PATIENCE = 300.0
"""Seconds a daemon may take to start, and a card to find its link: an emulated machine is slow."""


def main() -> int:
    """Show it; 0 if nothing is left at the end."""
    if not (CARD / "device/sriov_numvfs").exists():
        sys.exit(
            "demo-rdma: there is no card pf0 with SR-IOV here; run `make demo-rdma`, which boots a machine that has"
        )
    functions = _functions()
    homes = [_home(device) for device in functions]
    _say(f"a card, pf0, with two virtual functions: {_told(homes)}")
    _make_node(functions)
    daemon = _start_daemon()
    try:
        _say("what trainer-0 will get, before anything is done: plurimus explain trainer-0")
        print(_plurimus("explain", PODS[0], "--config", str(CONFIG)))
        views = [_create(pod) for pod in PODS]
        _say("what the card says of the two functions now: ip link show pf0")
        print("\n".join(line for line in _run("ip", "link", "show", "pf0").splitlines() if "vf " in line))
        _rdma(views)
        _say("and where it is: plurimus explain trainer-0")
        print(_plurimus("explain", PODS[0], "--config", str(CONFIG)))
        for pod in PODS:
            _say(_plurimus("sandbox", "delete", pod, *RUNTIME).strip())
        return _nothing_left(functions, homes)
    finally:
        daemon.terminate()
        daemon.wait(PATIENCE)


def _functions() -> list[str]:
    """The PCI addresses of two new functions; their interfaces have names of their own."""
    (CARD / "device/sriov_numvfs").write_text(str(len(PODS)))
    devices = [(CARD / f"device/virtfn{number}").resolve() for number in range(len(PODS))]
    for number, device in enumerate(devices):
        _until(partial(_has_link, device), f"an interface of {device.name}")
        (link,) = (device / "net").iterdir()
        _run("ip", "link", "set", link.name, "name", f"pf0v{number}")
    return [device.name for device in devices]


def _has_link(device: Path) -> bool:
    return any((device / "net").glob("*"))


def _home(device: str) -> tuple[str, str, str]:
    """PCI address, name and MAC of a function that is on the host."""
    links = list(Path("/sys/bus/pci/devices", device, "net").glob("*"))
    return (device, links[0].name, (links[0] / "address").read_text().strip()) if links else (device, "-", "-")


def _told(homes: list[tuple[str, str, str]]) -> str:
    return ", ".join(f"{name} ({device}, {mac})" for device, name, mac in homes)


def _make_node(functions: list[str]) -> None:
    for folder in ("net.d", "bin", "manifests"):
        (NODE / folder).mkdir(parents=True)
    for plugin in (ROOT / "build/cni-bin").iterdir():
        (BIN / plugin.name).symlink_to(plugin)
    (BIN / "plurimus").symlink_to(ROOT / "build/plurimus-shim")
    for name in ("00-plurimus.conf", "10-pods.conflist"):
        (NODE / "net.d" / name).write_bytes((QUICKSTART / name).read_bytes())
    config = (QUICKSTART / "daemon.json").read_text()
    CONFIG.write_text(config.replace("@MANIFESTS@", str(MANIFESTS)).replace("@BIN@", str(BIN)))
    network, pods = ((HERE / name).read_text() for name in ("networks.yaml", "pods.yaml"))
    for number, device in enumerate(functions):
        pods = pods.replace(f"@DEVICE{number}@", device)
    (MANIFESTS / "networks.yaml").write_text(network)
    (MANIFESTS / "pods.yaml").write_text(pods)
    _say("the network, and the annotation by which both pods ask for it:")
    print(network)


def _start_daemon() -> subprocess.Popen[bytes]:
    with (NODE / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen([PLURIMUS, "daemon", "--config", str(CONFIG)], stdout=log, stderr=log)
    _until(lambda: _answers(daemon), "the daemon's socket")
    _say("the daemon is ready")
    return daemon


def _answers(daemon: subprocess.Popen[bytes]) -> bool:
    if daemon.poll() is not None:
        sys.exit(f"demo-rdma: the daemon does not start:\n{(NODE / 'daemon.log').read_text()}")
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(NODE / "socket/multus.sock")) == 0


def _create(pod: str) -> dict[str, Any]:
    view: dict[str, Any] = json.loads(_plurimus("sandbox", "create", pod, *RUNTIME, "--output", "json"))
    _say(f"plurimus sandbox create {pod}")
    for link in view["interfaces"]:
        print(f"    {link['interface']:5} {link['kind']:8} {link['mac']}  {', '.join(link['addresses'])}")
    if pod == PODS[0]:
        print(f"\nnetwork status of {pod}:\n{view['networkStatus']}")
    return view


def _rdma(views: list[dict[str, Any]]) -> None:
    """An RDMA ping from the first pod to the second, over net1."""
    for pod, view in zip(PODS, views, strict=True):
        inside = _inside(view)
        _until(partial(_carries, inside), f"the link of {pod}'s net1")
        _run(*inside, "rdma", "link", "add", f"rxe-{pod}", "type", "rxe", "netdev", "net1")
    (net1,) = [link for link in views[1]["interfaces"] if link["interface"] == "net1"]
    address = net1["addresses"][0].partition("/")[0]
    _say(f"rping from trainer-0 to trainer-1 over net1, {address}")
    serving = subprocess.Popen([*_inside(views[1]), "rping", "-s", "-a", address, "-C", "3"], stdout=subprocess.DEVNULL)
    try:
        print(_run(*_inside(views[0]), "sh", "-c", f"sleep 2; timeout 120 rping -c -a {address} -C 3 -v"))
        serving.wait(PATIENCE)
    finally:
        serving.kill()


def _carries(inside: list[str]) -> bool:
    return "state UP" in _run(*inside, "ip", "link", "show", "net1")


def _inside(view: dict[str, Any]) -> list[str]:
    return ["ip", "netns", "exec", Path(view["netns"]).name]


def _nothing_left(functions: list[str], homes: list[tuple[str, str, str]]) -> int:
    back = [_home(device) for device in functions]
    _say(f"the functions are back: {_told(back)}")
    left = {
        "functions that are not as they were": [device for device, *_ in set(back) ^ set(homes)],
        "namespaces": [path.name for path in Path("/run/netns").iterdir()],
        "records": [path.name for path in (NODE / "state").iterdir() if path.is_file()],
    }
    for what, items in left.items():
        print(f"    {what}: {', '.join(items) or 'none'}")
    _say("something was left, see above" if any(left.values()) else "nothing is left; the demonstration is complete")
    return 1 if any(left.values()) else 0


def _until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"demo-rdma: {what} is not there after {PATIENCE:.0f} s; see {NODE}/daemon.log")
        time.sleep(0.2)


_started = time.monotonic()


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _started:6.1f} s] {text}", flush=True)


def _plurimus(*argv: str) -> str:
    return _run(PLURIMUS, *argv)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"demo-rdma: {' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
