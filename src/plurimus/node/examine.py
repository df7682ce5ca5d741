"""What a node's CNI folder and plugin folder say about its set-up, for `node.doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plurimus.adapters.cnifolder import CniFolder
from plurimus.adapters.confdir import ConfDirectories
from plurimus.cni import conf
from plurimus.cni.conf import NetworkConfig, PluginConf
from plurimus.cni.errors import ConfigError, PlurimusError
from plurimus.core import cnifolder, generate, netconf
from plurimus.core import program as core
from plurimus.core.config import ConfigFile
from plurimus.node import drivers
from plurimus.node.chain import PASSTHRU
from plurimus.node.cnisource import kept_name
from plurimus.node.thin import PROGRAM
from plurimus.node.view import View

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is ok, warning or problem; `todo` says what to do about the last two."""

    level: str
    subject: str
    text: str
    todo: str = ""


def ok(subject: str, text: str) -> Finding:
    return Finding(OK, subject, text)


def warning(subject: str, text: str, todo: str) -> Finding:
    return Finding(WARNING, subject, text, todo)


def problem(subject: str, text: str, todo: str) -> Finding:
    return Finding(PROBLEM, subject, text, todo)


def unseen(subject: str, path: str | Path) -> Finding:
    """What is neither in order nor wrong, as far as can be told here."""
    todo = "run this where it can be seen, or mount its folder below the root of the node"
    return warning(subject, f"{path} of the node cannot be seen from here", todo)


def folder(config: ConfigFile) -> Iterator[Finding]:
    """Who owns the CNI folder: which file a runtime reads, and whether others take ours away."""
    cni, kept = CniFolder(Path(config.daemon.cni_config_dir)), kept_name(config)
    try:
        names = cni.names()
    except PlurimusError as error:
        yield problem("cni folder", str(error), "see that root can read it")
        return
    yield from _aside(cni, names, kept)
    loaded = cnifolder.loaded(names)
    if not loaded:
        todo = (
            "see in the daemon's log what it waits for" if kept else "give 'multusAutoconfigDir' in the daemon's file"
        )
        yield problem("cni folder", f"{cni.path} has no CNI configuration", todo)
        return
    first, read = loaded[0], _read(cni, loaded[0])
    types = read.types if read else ()
    who = cnifolder.owner([], types)
    if kept and first != kept:
        missing = "" if kept in loaded else ", which is missing"
        if first.startswith(cnifolder.MULTUS):
            todo = "plurimus install --replace-multus, or uninstall Multus"
        else:
            todo = "see the daemon's log" if missing else f"rename that file, so that it sorts behind {kept}"
        yield problem("cni folder", f"a runtime reads {first} (of {who}) instead of {kept}{missing}", todo)
    elif not set(types) & _own_types(config):
        todo = "give 'multusAutoconfigDir' in the daemon's file, or put a configuration of plurimus first"
        yield problem("cni folder", f"a runtime reads {first} (of {who}), which does not call plurimus", todo)
    else:
        yield ok("cni folder", f"a runtime reads {cni.path / first}, which calls {types[0]}")


def _aside(cni: CniFolder, names: list[str], kept: str) -> Iterator[Finding]:
    """What Cilium renamed in its exclusive mode: every file but its own."""
    todo = "set `cni.exclusive` to false in Cilium's Helm values, then remove that file"
    for name in names:
        if name.endswith(cnifolder.CILIUM_ASIDE):
            text = f"Cilium in exclusive mode renamed {cni.path / name.removesuffix(cnifolder.CILIUM_ASIDE)}"
            ours = name.startswith(cnifolder.OURS) or (kept and name.startswith(kept))
            yield problem("cni folder", text, todo) if ours else warning("cni folder", text, todo)


def programs(config: ConfigFile, view: View | None) -> Iterator[Finding]:
    """Whether the shim and the default network's plugins are where they are looked for.

    `view` is the node as its calls have it; None where there is a daemon, which has a root for plugins.
    """
    merged = netconf.parse({}, overlay=config.overlay)
    chroot = config.daemon.chroot_dir if view is None else str(view.root).removesuffix("/")
    view = view or View()
    find = drivers.plugins(config.daemon, chroot=chroot).find
    wanted = [(merged.type or generate.TYPE, "plurimus install --bin-dir")]
    cni = CniFolder(Path(config.daemon.cni_config_dir))
    kept = kept_name(config)
    node = _read(cni, kept) if kept else None
    if node is not None:
        wanted = [(node.types[0], wanted[0][1])]
    default = merged.cluster_network or (str(node.plugins[0].get("clusterNetwork") or "") if node else "")
    inline = merged.delegates or list(node.plugins[0].get("delegates") or () if node else ())
    if "/" in default or inline:
        try:
            types = (
                ConfDirectories().load(str(view.at(default))).types if "/" in default else conf.parse(inline[0]).types
            )
            wanted += [(kind, "see that the default network's own daemon installs it in") for kind in types]
        except PlurimusError as error:
            if "/" in default and view.lacks(default):
                yield unseen("default network", default)
            else:
                yield problem("default network", str(error), "see that its own daemon runs; pods wait for it")
    if view.lacks(merged.bin_dir):
        yield unseen("plugin", merged.bin_dir)
        return
    for kind, todo in wanted:
        if kind != PASSTHRU:
            try:
                yield ok("plugin", find(kind, (merged.bin_dir,)))
            except PlurimusError as error:
                if view.lacks(path := f"{merged.bin_dir}/{kind}"):
                    yield unseen("plugin", path)
                    continue
                yield problem("plugin", str(error), f"{todo} {merged.bin_dir}")


def alone(config: ConfigFile) -> PluginConf:
    """The plugin of the node's CNI configuration where it works without a daemon, else an empty one."""
    kept = kept_name(config)
    node = _read(CniFolder(Path(config.daemon.cni_config_dir)), kept) if kept else None
    return node.plugins[0] if node and node.plugins[0].get("program") else {}


def view(config: ConfigFile, plugin: PluginConf) -> View:
    """The node as its own configuration names it: the paths in the daemon's file are those of who keeps it."""
    here = Path(config.daemon.cni_config_dir) / cnifolder.KEPT / PROGRAM
    return View.by(here, str(plugin["program"]))


def program(path: str, view: View) -> Finding:
    """Whether calls can become what the file at `path` names."""
    todo = "plurimus thin, which writes that file, and see its log"
    try:
        _, (command, *_) = core.read(view.at(path).read_bytes())
    except OSError as error:
        if view.lacks(path):
            return unseen("program", path)
        return problem("program", f"{path}: {error.strerror}", todo)
    except ConfigError as error:
        return problem("program", f"{path}: {error}", todo)
    if view.lacks(command):
        return unseen("program", command)
    if not os.access(view.at(command), os.X_OK):
        return problem("program", f"{path}: its program {command!r} cannot be run", todo)
    return ok("program", f"calls run {command} once each; there is no daemon")


def _read(cni: CniFolder, name: str) -> NetworkConfig | None:
    try:
        return ConfDirectories().load(str(cni.path / name))
    except PlurimusError:
        return None


def _own_types(config: ConfigFile) -> set[str]:
    return {*generate.OWN_TYPES, str(config.overlay.get("type") or generate.TYPE)}
