"""All cases, and which of them can be run where: those whose driver there is, by what the kernel must have."""

from __future__ import annotations

from pathlib import Path

from plurimus.adapters.plugins import Executables
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.node.drivers import drivers

from .case import Case
from .cases import (
    bridge,
    children,
    documented,
    hostdevice,
    hostlocal,
    loopback,
    macvlan,
    ptp,
    sbr,
    static,
    tuning,
    vlans,
    vrf,
)

_MODULES = (
    bridge, children, documented, hostdevice, hostlocal, loopback, macvlan, ptp, sbr, static, tuning, vlans, vrf,
)  # fmt: skip
CASES: list[Case] = [case for module in _MODULES for case in module.CASES.made.values()]
_DRIVERS = drivers(Path("/"), Ipam(InProcess(Executables(timeout=0))))
_RUNNABLE = [case for case in CASES if case.type in _DRIVERS]
HERE = [case for case in _RUNNABLE if not case.vm]
IN_MACHINE = [case for case in _RUNNABLE if case.vm]
