"""Putting Plurimus on a node and taking it off again: the shim, and the CNI configuration of whoever delegates.

Each step can be repeated, and is whole or not done at all.  The shim comes before a configuration that
names it and goes after it.

Spec sections 7.10 and 7.12.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import plurimus
from plurimus.adapters import files
from plurimus.adapters.cnifolder import MARK, CniFolder
from plurimus.adapters.confdir import ConfDirectories
from plurimus.adapters.records import RecordFiles
from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.adapters.spool import SpoolFiles
from plurimus.cni.errors import ConfigError, PlurimusError
from plurimus.core import cnifolder, generate
from plurimus.node import thin
from plurimus.node.probe import probe
from plurimus.node.settle import settle

PROGRAM = "plurimus"
MULTUS_PROGRAMS = ("multus", "multus-shim")
_KEPT = (MARK, thin.KUBECONFIG, thin.PROGRAM)
"""What `plurimus thin` puts into its folder; a person may have put something beside it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done with one file, and why where that is not plain."""

    path: str
    done: str
    note: str = ""


def packaged_shim() -> Path:
    """The shim that came with this package, or was built beside it.

    Raises:
        ConfigError: there is none.
    """
    package = Path(plurimus.__file__).parent
    places = [package / "plurimus-shim", package.parents[1] / "build/plurimus-shim"]
    for place in places:
        if place.is_file():
            return place
    raise ConfigError(f"there is no shim at {' or '.join(map(str, places))}; name it by --shim")


async def install(shim: Path, *, bin_dir: Path, conf_dir: Path, replace_multus: bool) -> list[Step]:
    """Install the shim; with `replace_multus` under Multus' names, too, and in its configuration's place.

    Raises:
        ConfigError, AttachmentError: what cannot be done; the steps before it are.
    """
    if not bin_dir.is_dir():
        raise ConfigError(f"{bin_dir}: no such folder; it is where the runtime looks for CNI plugins (--bin-dir)")
    await probe(f"the shim {shim}", [str(shim)])
    steps = []
    for name in (PROGRAM, *(MULTUS_PROGRAMS if replace_multus else ())):
        changed = files.install(shim, bin_dir / name)
        steps.append(Step(str(bin_dir / name), "installed" if changed else "unchanged"))
    if replace_multus:
        steps += _take_over(CniFolder(conf_dir))
    return steps


async def uninstall(
    *, bin_dir: Path, conf_dir: Path, cni_dir: Path, chroot: Path | None = None, force: bool
) -> list[Step]:
    """Remove our CNI configuration, what pods that are gone still hold, and the shim once no pod needs it any more.

    `force` removes that in any case; `chroot` is where plugins run.

    Raises:
        ConfigError, AttachmentError: what cannot be done; the steps before it are.
    """
    steps = list(_remove_configurations(CniFolder(conf_dir)))
    settled = await settle(bin_dir=bin_dir, cni_dir=cni_dir, chroot=chroot)
    steps += [Step(str(cni_dir / each), "removed", "its pod is gone; what it had is free") for each in settled]
    locks = FileLocks(cni_dir / ".locks")
    # an ADD that has begun may not be on record yet
    pods = len({*await RecordFiles(cni_dir).container_ids(), *locks.busy()})
    owed = len(SpoolFiles(cni_dir / ".spool").pending())
    why = f"{pods} pods on record, {owed} DELs owed: they are deleted by it; uninstall again once they are gone"
    keep = bool(pods or owed) and not force
    ours = bin_dir / PROGRAM
    shims = [path for name in (*MULTUS_PROGRAMS, PROGRAM) if _is_copy(path := bin_dir / name, ours)]
    for path in shims:
        if not keep:
            CniFolder(bin_dir).remove(path.name)
        steps.append(Step(str(path), "kept", why) if keep else Step(str(path), "removed"))
    if not keep:
        steps += _remove_kept(CniFolder(conf_dir / cnifolder.KEPT))
    if not pods and not owed:
        locks.tidy()
        for folder in (cni_dir / ".spool", cni_dir / ".locks", cni_dir / "results", cni_dir):
            with contextlib.suppress(OSError):  # what holds anything stays
                folder.rmdir()
                steps.append(Step(str(folder), "removed", "it was empty"))
    return steps


def _take_over(folder: CniFolder) -> Iterator[Step]:
    """Give Multus' configuration our name until the daemon writes its own, so that there is one all along (S3)."""
    names = cnifolder.loaded(folder.names())
    have = any(name.startswith(cnifolder.OURS) for name in names)
    for name in names:
        if name.startswith(cnifolder.MULTUS):
            to = name + cnifolder.ASIDE if have else cnifolder.OURS + name.removeprefix(cnifolder.MULTUS)
            folder.rename(name, to)
            note = "the daemon's own is there" if have else "used until the daemon writes its own"
            yield Step(str(folder.path / name), f"renamed to {to}", note)
            have = True


def _remove_configurations(folder: CniFolder) -> Iterator[Step]:
    for name in folder.names():
        aside = name.startswith(cnifolder.MULTUS) and name.endswith(cnifolder.ASIDE)
        if name.startswith(cnifolder.OURS) or aside or _names_us(folder.path / name):
            folder.remove(name)
            yield Step(str(folder.path / name), "removed")


def _remove_kept(folder: CniFolder) -> Iterator[Step]:
    """What calls need on a node without a daemon, a token among it; it goes with the shim, which starts them."""
    names = folder.names()
    for name in _KEPT:
        folder.remove(name)
        if name in names:
            yield Step(str(folder.path / name), "removed")
    with contextlib.suppress(OSError):  # there is none, or another program's file is in it
        folder.path.rmdir()


def _names_us(path: Path) -> bool:
    """Whether a configuration calls our shim under our own name."""
    if not cnifolder.loaded([path.name]):
        return False
    try:
        return generate.TYPE in ConfDirectories().load(str(path)).types
    except PlurimusError:
        return False


def _is_copy(path: Path, of: Path) -> bool:
    try:
        return path.read_bytes() == of.read_bytes()
    except OSError:
        return False
