"""Requests to `sriov` without a runtime around them: to the driver, and to the plugin it stands for."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from plurimus.adapters.plugins import Executables
from plurimus.core.config import DaemonConfig
from plurimus.core.ports import Plugins
from plurimus.node import drivers
from tests.node.daemon import ROOT

from .cards import Vf

STATE = Path("/var/lib/cni/sriov")
PEER = ROOT / "build/sriov"
_PLUGINS = ROOT / "build/cni-bin"


def driver() -> Plugins:
    """The drivers as a daemon has them."""
    return drivers.plugins(DaemonConfig())


def plugin() -> Plugins:
    """The real sriov-cni, by itself."""
    return Executables(timeout=60)


def call(plugins: Plugins, verb: str, vf: Vf | str, pod: str, **more: Any) -> dict[str, Any]:
    """One request, and its result."""
    return asyncio.run(request(plugins, verb, vf, pod, **more))


def together(*requests: Coroutine[Any, Any, Any]) -> None:
    """All of them at the same time."""

    async def all_of_them() -> None:
        await asyncio.gather(*requests)

    asyncio.run(all_of_them())


async def request(
    plugins: Plugins, verb: str, vf: Vf | str, pod: str, *, ifname: str = "net1", netns: str | None = None, **conf: Any
) -> dict[str, Any]:
    """One request about a VF, or one that had this PCI address, and a pod, whose name is that of its namespace, too."""
    device = vf if isinstance(vf, str) else vf.pci
    document = {"cniVersion": "0.3.1", "name": "rail", "type": "sriov", "deviceID": device, **conf}
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": pod, "CNI_IFNAME": ifname, "CNI_ARGS": "IgnoreUnknown=1",
           "CNI_NETNS": f"/run/netns/{pod}" if netns is None else netns, "CNI_PATH": f"{PEER}:{_PLUGINS}"}  # fmt: skip
    printed = await plugins.run(
        "sriov", env=env, stdin=json.dumps(document).encode(), search=[str(PEER), str(_PLUGINS)]
    )
    found: dict[str, Any] = json.loads(printed or b"{}")
    return found


def left() -> list[str]:
    """What is on disk about VFs."""
    return sorted(
        str(path.relative_to(STATE)) for path in STATE.rglob("*") if path.is_file() and path.suffix != ".lock"
    )


def is_home(vf: Vf, before: Mapping[str, Any]) -> None:
    """The VF is on the host as `before` says, and nothing on disk says otherwise."""
    now = state(vf)
    assert now == before, f"{now} is not {before}"
    assert left() == [], left()


def state(vf: Vf) -> dict[str, Any]:
    """The interface of a VF on the host, and what its PF has set for it.

    Without the MAC there: drivers of VFs tell their PF of their own, and then it is that.
    """
    link = vf.link()
    settings = {key: value for key, value in vf.settings().items() if key != "address"}
    return {**{key: link[key] for key in ("ifname", "address", "mtu")}, "settings": settings}


def vlan(vf: Vf) -> int:
    """The VLAN the PF has set; 0 for none."""
    (entry,) = vf.settings().get("vlan_list") or [{}]
    return int(entry.get("vlan", 0))


def forget() -> None:
    """Nothing on disk says that a VF is in use; those a failed test left are gone by then."""
    shutil.rmtree(STATE, ignore_errors=True)
