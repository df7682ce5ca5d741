"""Which plugins of this node run inside the daemon."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from plurimus.adapters import rooted
from plurimus.adapters.plugins import Executables, Gate, open_gate
from plurimus.adapters.processmemory import ProcessMemory
from plurimus.core.addresspools import AddressPools
from plurimus.core.config import DaemonConfig
from plurimus.core.ports import Cluster, Plugins
from plurimus.drivers.call import Driver
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.options import Unknown
from plurimus.node.late import NODE_NAME

_Maker = Callable[[], Driver]
_KEEPERS = ("host-local", "rdma", "sriov")


def plugins(
    config: DaemonConfig,
    cluster: Cluster | None = None,
    pools: Callable[[], AddressPools] | None = None,
    *,
    chroot: str = "",
    unknown: Unknown | None = None,
    ahead: bool = False,
    gate: Gate = open_gate,
    memory: ProcessMemory | None = None,
) -> Plugins:
    """Plugins of all types: those of `drivers`, unless `executables` in the configuration names them, run inside.

    Executables run below `chroot`; files of the node are looked for there, too.  `pools` gives what the cluster has of
    whereabouts; without a cluster that is its executable, which may know one.  `unknown` counts options that drivers do
    not know.  With `ahead` all drivers are made now, else each by the first call for it.  Executables run behind
    `gate`, and `memory` is told of them.
    """
    inside = InProcess(Executables(timeout=config.plugin_timeout, chroot=chroot, gate=gate, memory=memory), unknown)
    root = Path(chroot or "/")
    rooted.find_parameters(chroot)
    makers = _makers(root, Ipam(inside))
    if cluster is not None and pools is not None:
        makers["whereabouts"] = partial(_whereabouts, pools, cluster, root)
    found = Made({kind: maker for kind, maker in makers.items() if kind not in config.executables})
    inside.use(dict(found) if ahead else found)
    return inside


def drivers(root: Path, ipam: Ipam) -> Mapping[str, Driver]:
    """Every driver that needs no cluster, by the type it stands for; `root` is where this node's files are."""
    return Made(_makers(root, ipam))


def stores(
    root: Path, cluster: Cluster | None = None, pools: Callable[[], AddressPools] | None = None
) -> Mapping[str, Driver]:
    """The drivers that keep something on this node outside of sandboxes, to be asked what they hold, and only that.

    They read what executables of their types write, too.
    """
    ipam = Ipam(InProcess(Executables(timeout=1.0)))
    makers = {kind: maker for kind, maker in _makers(root, ipam).items() if kind in _KEEPERS}
    if cluster is not None and pools is not None:
        makers["whereabouts"] = partial(_whereabouts, pools, cluster, root)
    return Made(makers)


class Made(Mapping[str, Driver]):
    """Drivers that are made once they are asked for: a process that serves one call imports no more than it needs."""

    def __init__(self, makers: Mapping[str, _Maker]) -> None:
        self._makers = makers
        self._made: dict[str, Driver] = {}

    def __contains__(self, kind: object) -> bool:
        return kind in self._makers

    def __getitem__(self, kind: str) -> Driver:
        if kind not in self._made:
            self._made[kind] = self._makers[kind]()
        return self._made[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def _makers(root: Path, ipam: Ipam) -> dict[str, _Maker]:
    return {
        "bridge": partial(_bridge, root, ipam),
        "dummy": partial(_dummy, ipam),
        "host-device": partial(_host_device, root, ipam),
        "host-local": partial(_host_local, root),
        "ipvlan": partial(_ipvlan, ipam),
        "loopback": _loopback,
        "macvlan": partial(_macvlan, ipam),
        "ptp": partial(_ptp, root, ipam),
        "rdma": partial(_rdma, root),
        "sbr": _sbr,
        "sriov": partial(_sriov, root, ipam),
        "static": _static,
        "tuning": partial(_tuning, root),
        "vlan": partial(_vlan, ipam),
        "vrf": _vrf,
    }


def _bridge(root: Path, ipam: Ipam) -> Driver:
    from plurimus.drivers.bridge.driver import Bridge

    return Bridge(root, ipam)


def _dummy(ipam: Ipam) -> Driver:
    from plurimus.drivers.dummy import Dummy

    return Dummy(ipam)


def _host_device(root: Path, ipam: Ipam) -> Driver:
    from plurimus.drivers.hostdevice.driver import HostDevice

    return HostDevice(root, ipam)


def _host_local(root: Path) -> Driver:
    from plurimus.drivers.hostlocal.driver import HostLocal

    return HostLocal(root)


def _ipvlan(ipam: Ipam) -> Driver:
    from plurimus.drivers.ipvlan import Ipvlan

    return Ipvlan(ipam)


def _loopback() -> Driver:
    from plurimus.drivers.loopback import Loopback

    return Loopback()


def _macvlan(ipam: Ipam) -> Driver:
    from plurimus.drivers.macvlan import Macvlan

    return Macvlan(ipam)


def _ptp(root: Path, ipam: Ipam) -> Driver:
    from plurimus.drivers.ptp.driver import Ptp

    return Ptp(root, ipam)


def _rdma(root: Path) -> Driver:
    from plurimus.adapters.rdmadevices import RdmaDevices
    from plurimus.drivers.rdma.driver import Rdma
    from plurimus.drivers.rdma.state import SavedDevices

    return Rdma(RdmaDevices(root), SavedDevices(root))


def _sbr() -> Driver:
    from plurimus.drivers.sbr import Sbr

    return Sbr()


def _sriov(root: Path, ipam: Ipam) -> Driver:
    from plurimus.drivers.sriov.driver import Sriov

    return Sriov(root, ipam)


def _static() -> Driver:
    from plurimus.drivers.static import Static

    return Static()


def _tuning(root: Path) -> Driver:
    from plurimus.drivers.tuning.driver import Tuning

    return Tuning(root)


def _vlan(ipam: Ipam) -> Driver:
    from plurimus.drivers.vlan import Vlan

    return Vlan(ipam)


def _vrf() -> Driver:
    from plurimus.drivers.vrf import Vrf

    return Vrf()


def _whereabouts(pools: Callable[[], AddressPools], cluster: Cluster, root: Path) -> Driver:
    from plurimus.drivers.whereabouts.driver import Whereabouts

    return Whereabouts(pools, cluster.get_pod, root, node=os.environ.get(NODE_NAME, ""))
