"""A lower interface for the tests of `macvlan`, and requests about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from plurimus.drivers.macvlan import Macvlan

from .givers import Giver
from .snapshot import ip, ip_json, kernel
from .twins import OURS, ours, twins

MAC = "02:00:00:00:00:77"
IPS = [{"address": "10.56.0.2/24", "gateway": "10.56.0.1"}]


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    """The pod's namespace, and rail0 on the host."""
    with twins():
        ip("link", "add", "rail0", "mtu", "1600", "type", "veth", "peer", "name", "rail0-peer")
        for name in ("rail0", "rail0-peer"):
            ip("link", "set", name, "addrgenmode", "none", "up")
        try:
            yield
        finally:
            ip("link", "delete", "rail0")


def conf(version: str = "1.1.0", **more: Any) -> dict[str, Any]:
    return {"cniVersion": version, "name": "rail", "type": "macvlan", "master": "rail0", **more}


def there(name: str = "net1") -> dict[str, Any]:
    (link,) = ip_json("-details", "link", "show", name, namespace=OURS)
    return link


def add(given: Giver | None = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(ours(Macvlan((given or Giver()).ipam), "ADD", conf(**more)))
    return made


def names() -> set[str]:
    return set(kernel(OURS)["links"])
