"""Which plugins of this node run inside the daemon."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from plurimus.adapters.plugins import Executables
from plurimus.adapters.rdmadevices import RdmaDevices
from plurimus.core.config import DaemonConfig
from plurimus.core.ports import AddressPools, Cluster, Plugins
from plurimus.drivers.bridge.driver import Bridge
from plurimus.drivers.call import Driver
from plurimus.drivers.dummy import Dummy
from plurimus.drivers.hostdevice.driver import HostDevice
from plurimus.drivers.hostlocal.driver import HostLocal
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.ipvlan import Ipvlan
from plurimus.drivers.loopback import Loopback
from plurimus.drivers.macvlan import Macvlan
from plurimus.drivers.options import Unknown
from plurimus.drivers.ptp.driver import Ptp
from plurimus.drivers.rdma.driver import Rdma
from plurimus.drivers.rdma.state import SavedDevices
from plurimus.drivers.sbr import Sbr
from plurimus.drivers.sriov.driver import Sriov
from plurimus.drivers.static import Static
from plurimus.drivers.tuning.driver import Tuning
from plurimus.drivers.vlan import Vlan
from plurimus.drivers.vrf import Vrf
from plurimus.drivers.whereabouts.driver import Whereabouts
from plurimus.node.late import NODE_NAME


def plugins(
    config: DaemonConfig,
    cluster: Cluster | None = None,
    pools: Callable[[], AddressPools] | None = None,
    *,
    chroot: str = "",
    unknown: Unknown | None = None,
) -> Plugins:
    """Plugins of all types: those of `drivers`, unless `executables` in the configuration names them, run inside.

    Executables run below `chroot`; files of the node are looked for there, too.  `pools` gives what the cluster has of
    whereabouts; without a cluster that is its executable, which may know one.  `unknown` counts options that drivers do
    not know.
    """
    inside = InProcess(Executables(timeout=config.plugin_timeout, chroot=chroot), unknown)
    root = Path(chroot or "/")
    made = drivers(root, Ipam(inside))
    if cluster is not None and pools is not None:
        made["whereabouts"] = Whereabouts(pools, cluster.get_pod, root, node=os.environ.get(NODE_NAME, ""))
    inside.use({kind: driver for kind, driver in made.items() if kind not in config.executables})
    return inside


def drivers(root: Path, ipam: Ipam) -> dict[str, Driver]:
    """Every driver that needs no cluster, by the type it stands for; `root` is where this node's files are."""
    return {
        "bridge": Bridge(root, ipam),
        "dummy": Dummy(ipam),
        "host-device": HostDevice(root, ipam),
        "host-local": HostLocal(root),
        "ipvlan": Ipvlan(ipam),
        "loopback": Loopback(),
        "macvlan": Macvlan(ipam),
        "ptp": Ptp(root, ipam),
        "rdma": Rdma(RdmaDevices(root), SavedDevices(root)),
        "sbr": Sbr(),
        "sriov": Sriov(root, ipam),
        "static": Static(),
        "tuning": Tuning(root),
        "vrf": Vrf(),
        "vlan": Vlan(ipam),
    }
