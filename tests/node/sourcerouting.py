"""Twin namespaces for the tests of `sbr`, and requests to the driver and to the plugin."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni import result
from plurimus.drivers import call
from plurimus.drivers.sbr import Sbr

from .pods import ip
from .snapshot import kernel

PLUGINS = Path(__file__).resolve().parents[2] / "build/cni-bin"
OURS, THEIRS = "sbr-ours", "sbr-theirs"
NETWORKS = {
    "one": ["10.0.1.2/24"],
    "several": ["10.0.1.2/24", "10.0.9.2/24", "fd01::2/64"],
    "one-network-twice": ["10.0.1.2/24", "10.0.1.3/24"],
}


def path(name: str) -> str:
    return f"/run/netns/{name}"


@pytest.fixture(autouse=True)
def twins() -> Iterator[None]:
    """Two namespaces that differ in nothing, each with net1 and net2, up."""
    for name in (OURS, THEIRS, "sbr-peer"):
        netns.create(path(name))
    try:
        for name in (OURS, THEIRS):
            for number in (1, 2):
                link = [f"net{number}", "index", str(100 + number), "address", f"02:00:00:00:00:0{number}"]
                peer = ["peer", "name", f"{name}{number}", "netns", "sbr-peer"]
                ip("link", "add", *link, "type", "veth", *peer, namespace=path(name))
                ip("link", "set", f"net{number}", "addrgenmode", "none", "up", namespace=path(name))
                ip("link", "set", f"{name}{number}", "up", namespace=path("sbr-peer"))
        yield
    finally:
        for name in (OURS, THEIRS, "sbr-peer"):
            netns.delete(path(name))


def address(name: str, ifname: str, *texts: str) -> None:
    for text in texts:
        ip("addr", "add", text, "dev", ifname, *(["nodad"] if ":" in text else []), namespace=path(name))


def gateway(text: str) -> str:
    return "fd01::1" if ":" in text else text.rpartition(".")[0] + ".1"


def conf(
    *texts: str, ifname: str = "net1", gateways: bool = True, version: str = "1.0.0", **more: Any
) -> dict[str, Any]:
    """What the plugin gets behind one that gave the interface the addresses `texts`."""
    ips = [{"address": text, "interface": 0, **({"gateway": gateway(text)} if gateways else {})} for text in texts]
    if version < "1":
        ips = [{"version": "6" if ":" in each["address"] else "4", **each} for each in ips]
    previous = {"cniVersion": version, "interfaces": [{"name": ifname, "sandbox": "pod"}], "ips": ips}
    return {"cniVersion": version, "name": "rail", "type": "sbr", "prevResult": previous, **more}


def variables(verb: str, name: str, ifname: str) -> dict[str, str]:
    return {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_NETNS": path(name), "CNI_IFNAME": ifname,
            "CNI_PATH": str(PLUGINS)}  # fmt: skip


def ours(verb: str, given: dict[str, Any], ifname: str = "net1", *, name: str = OURS, timeout: float = 20) -> str:
    """Have the driver do it, as the daemon would."""
    request = call.read(variables(verb, name, ifname), json.dumps(given).encode(), ())
    driver = Sbr(timeout)
    if verb == "ADD":
        return result.encode(asyncio.run(driver.add(request)), request.cni_version).decode()
    asyncio.run((driver.delete if verb == "DEL" else driver.check)(request))
    return ""


def theirs(verb: str, given: dict[str, Any], ifname: str = "net1", *, name: str = THEIRS) -> str:
    done = subprocess.run(
        [PLUGINS / "sbr"], input=json.dumps(given), env=variables(verb, name, ifname), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def state(name: str) -> dict[str, Any]:
    return kernel(name)


def rules(name: str) -> set[tuple[str, str]]:
    return {(rule["src"], rule["table"]) for rule in state(name)["rules"] if rule["src"] != "all"}
