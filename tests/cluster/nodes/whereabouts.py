"""whereabouts on the tests' node, as its own manifests install it: the program, its kinds, its identity, its file."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from tests.cluster import objects
from tests.cluster.client import Client, Object, Refused
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.programs import ROOT
from tests.cluster.waiting import eventually

from .places import overlaid

_PROGRAM = ROOT / "build/whereabouts/whereabouts"
_CONFIG = Path("/etc/cni/net.d/whereabouts.d/whereabouts.conf")
"""One of the places where it looks for what a definition leaves out."""
GROUP, VERSION = "whereabouts.cni.cncf.io", "v1alpha1"
_KINDS = {"ippools": "IPPool", "overlappingrangeipreservations": "OverlappingRangeIPReservation"}
POOLS = f"/apis/{GROUP}/{VERSION}/namespaces/kube-system/ippools"


class Whereabouts:
    """A `with` block installs it and removes it; the machine's own /etc stays as it is."""

    def __init__(self, folder: Path, node: Node, control_plane: ControlPlane) -> None:
        self._folder, self._node, self._control_plane = folder, node, control_plane
        self._admin: Client = control_plane.admin
        self._covered = ExitStack()

    def __enter__(self) -> Self:
        if not _PROGRAM.exists():
            pytest.fail(f"{_PROGRAM.relative_to(ROOT)} is missing; run `make test-cluster`, which builds it")
        try:
            self._install()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._covered.close()
        (self._node.bin / "whereabouts").unlink(missing_ok=True)
        for plural, kind in _KINDS.items():
            with suppress(Refused):
                self._admin.delete(objects.path(_definition(plural, kind)))

    def allocations(self) -> list[str]:
        """The pods that have an address, over all pools."""
        pools: list[Object] = self._admin.get(POOLS)["items"]
        return [each["podref"] for pool in pools for each in pool["spec"]["allocations"].values()]

    def _install(self) -> None:
        for plural, kind in _KINDS.items():
            objects.create(self._admin, definition := _definition(plural, kind))
            eventually(partial(self._admin.get, objects.path(definition)), objects.established)
        (self._node.bin / "whereabouts").symlink_to(_PROGRAM)
        self._covered.enter_context(overlaid(Path("/etc"), self._folder / "etc"))
        _CONFIG.parent.mkdir(parents=True, exist_ok=True)
        _CONFIG.write_text(json.dumps(self._config()))

    def _config(self) -> dict[str, Any]:
        kubeconfig = {"kubeconfig": str(self._control_plane.kubeconfig)}
        log = {"log_file": str(self._folder / "whereabouts.log"), "log_level": "debug"}
        return {"datastore": "kubernetes", "kubernetes": kubeconfig} | log


def _definition(plural: str, kind: str) -> Object:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": VERSION, "served": True, "storage": True, "schema": schema}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
