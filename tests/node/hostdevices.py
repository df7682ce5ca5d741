"""An interface of the host for the tests of `host-device`, and requests about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plurimus.drivers.hostdevice.driver import HostDevice

from .givers import TYPE, Giver
from .snapshot import ip, ip_json, kernel
from .twins import twins

NIC, MAC = "nic7", "02:00:00:00:00:07"
GIVEN: dict[str, Any] = {
    "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}],
    "routes": [{"dst": "10.9.0.0/16", "gw": "10.0.0.1"}],
    "dns": {"domain": "lost"},
}
WITH_ADDRESSES: dict[str, Any] = {"device": NIC, **TYPE}


def pool(**more: Any) -> Giver:
    """An IPAM plugin that sees whether the interface is on the host."""
    return Giver(lambda: NIC in kernel()["links"], **{**GIVEN, **more})


@pytest.fixture(autouse=True)
def nics() -> Iterator[None]:
    """Both pods, and on the host an interface of each kind of way to find it."""
    with twins():
        ip("link", "add", NIC, "address", MAC, "type", "veth", "peer", "name", f"{NIC}-peer")
        ip("link", "set", NIC, "addrgenmode", "none")
        yield
    if (peer := f"{NIC}-peer") in kernel()["links"]:
        ip("link", "delete", peer)


def driver(giver: Giver | None = None, root: Path = Path("/")) -> HostDevice:
    return HostDevice(root, (giver or pool()).ipam, patience=0.1)


def conf(more: Mapping[str, Any] | None = None, version: str = "1.0.0") -> dict[str, Any]:
    return {"cniVersion": version, "name": "nics", "type": "host-device", **(more or {"device": NIC})}


def alias(name: str, namespace: str | None = None) -> str | None:
    (found,) = ip_json("link", "show", name, namespace=namespace)
    return found.get("ifalias")


def host() -> dict[str, Any]:
    return kernel()
