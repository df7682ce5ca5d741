"""One request as a value: as it came, decoded with all that its steps need, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plurimus.cni import version
from plurimus.cni.args import Environment
from plurimus.cni.result import Result
from plurimus.core import netconf
from plurimus.core.netconf import NetConf
from plurimus.core.plan import PodReference
from plurimus.core.ports import Spool
from plurimus.node.attach import Attacher
from plurimus.node.chain import Chain
from plurimus.node.world import World

DEFAULTS = {"CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin"}
"""What a request may leave out: Multus' shim does (spec section 6.1)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the runtime, as the shim passes it on."""

    env: Mapping[str, str]
    stdin: bytes
    spool: Spool | None = None
    """Where a DEL lies that the shim could not deliver; it is void once the spool no longer has it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request answers: a result for ADD, in the version the runtime asked in."""

    result: Result | None = None
    cni_version: str = version.OLDEST


@dataclass(frozen=True, slots=True)
class Context:
    """One request, decoded: all its steps need."""

    env: Environment
    stdin: Mapping[str, Any]
    netconf: NetConf
    world: World
    chain: Chain
    attacher: Attacher

    @property
    def spool(self) -> Spool:
        """Where the shim of this request puts a DEL that it cannot deliver."""
        return self.world.spool(netconf.shim_cni_dir(self.stdin))

    @property
    def pod(self) -> PodReference:
        return PodReference.from_args(self.env.args)
