"""The folder a container runtime reads its CNI configuration from: which file is whose, which one counts.

A runtime takes the first file in name order.  Files of ours and of Multus begin with fixed words; of
the others one is the default network's.

Spec section 7.6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from plurimus.cni.errors import ConfigError

NAME = "00-plurimus.conflist"
OURS = "00-plurimus"
MULTUS = "00-multus"
ASIDE = ".replaced-by-plurimus"
"""What the name of a file of Multus gets at its end when we take its place."""
KEPT = "plurimus.d"
"""The folder in it with what calls need on a node without a daemon."""
CILIUM_ASIDE = ".cilium_bak"

_LOADED = (".conf", ".conflist", ".json")
_DEFAULTS = (".conf", ".conflist")
_OWNERS = {
    "cilium-cni": "Cilium",
    "calico": "Calico",
    "flannel": "Flannel",
    "ovn-k8s-cni-overlay": "OVN-Kubernetes",
    "kube-ovn": "kube-ovn",
}


def loaded(names: Iterable[str]) -> list[str]:
    """The files a runtime considers, in its order."""
    return sorted(name for name in names if name.endswith(_LOADED))


def is_own(name: str) -> bool:
    """Whether a file is ours or Multus', and so no default network's."""
    return name.rpartition("/")[2].startswith((OURS, MULTUS))


def choose(names: Collection[str], *, configured: str = "", current: str = "") -> str:
    """The file of the default network: the configured one, else the first in name order that is not ours.

    While `current`, the one chosen before, is missing, none that follows it takes its place: its owner may be
    replacing it, and what follows may be any program's (S4).

    Raises:
        ConfigError: there is none; the folder's name is for the caller to put in front.
    """
    if configured:
        if is_own(configured):
            raise ConfigError(f"multusMasterCNI names {configured}, which delegates; name the default network's file")
        return configured
    candidates = sorted(name for name in names if name.endswith(_DEFAULTS) and not is_own(name))
    if current and current not in candidates and (not candidates or candidates[0] > current):
        instead = f"; {candidates[0]} is not taken instead until the daemon starts anew" if candidates else ""
        raise ConfigError(f"{current}, the default network's configuration, is missing{instead}")
    if not candidates:
        raise ConfigError("no default network yet: there is no other program's *.conf or *.conflist")
    return candidates[0]


def owner(names: Iterable[str], types: Collection[str]) -> str:
    """Who seems to be in charge of a folder: `names` are its files, `types` the plugins of the first foreign one."""
    if any(name.endswith(CILIUM_ASIDE) for name in names):
        return "Cilium in exclusive mode (set `cni.exclusive` to false in its Helm values)"
    for kind in types:
        if kind in _OWNERS:
            return _OWNERS[kind]
    return f"the program that installs the plugin {next(iter(types))!r}" if types else "an unknown program"
