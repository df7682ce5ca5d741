"""Whether this node is set up as it must be: what a person would look at, one finding for each.

Nothing is changed.  It looks through the eyes of the daemon: its file, its socket, its identity, the folders it
was given; so it is run where the daemon runs.  Where there is none it is run where `plurimus thin` runs, and looks
for what calls have on the node.  The CNI folder is a page of its own, `node.examine`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import msgspec

from plurimus.adapters import daemonsocket, files, kubeconfig
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.rdmadevices import RdmaDevices
from plurimus.adapters.records import RecordFiles
from plurimus.adapters.spool import SpoolFiles
from plurimus.cni import gojson
from plurimus.cni.errors import PlurimusError
from plurimus.core import netconf
from plurimus.core.config import ConfigFile
from plurimus.node import daemon, examine, examineleaks, examinerdma
from plurimus.node.examine import Finding, ok, problem, warning
from plurimus.node.examineleaks import Swept
from plurimus.node.late import NODE_NAME
from plurimus.node.listener import NAME
from plurimus.node.view import View

OLD_TOKEN = 24 * 3600.0
"""Seconds after which kubelet has renewed a service account's token at the latest."""
DEFINITIONS = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions"
PODS = "/api/v1/pods"
DEFINITIONS_KIND = "/apis/k8s.cni.cncf.io/v1"
_NONE = "namespaces/default/{}/plurimus-doctor"
OF_CALLS = (
    ("network attachment definitions", f"{DEFINITIONS_KIND}/{_NONE.format('network-attachment-definitions')}"),
    ("pods", f"/api/v1/{_NONE.format('pods')}"),
)
"""Objects that need not be there: who may not ask for them is told that first."""


class _Option(msgspec.Struct, frozen=True):
    type: str
    key: str
    by: str
    calls: int


class _Failed(msgspec.Struct, frozen=True):
    what: str
    why: str
    tries: int


class _Recovery(msgspec.Struct, frozen=True):
    """What the daemon tries again and again."""

    failed: list[_Failed] = []
    debts: list[_Failed] = []


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    """What the daemon says of itself."""

    unknown_options: list[_Option] = []
    sweep: Swept | None = None
    recovery: _Recovery = _Recovery()


class _Listed(msgspec.Struct, frozen=True):
    """Any list; what is in it does not matter."""

    kind: str = ""


async def findings(path: Path, *, now: float, rdma_mode: Callable[[], str] | None = None) -> list[Finding]:
    """All there is to say of the node whose daemon's file is `path`; `now` is the time of day in seconds.

    `rdma_mode` tells in which mode the RDMA subsystem is; None: asked of the kernel.
    """
    try:
        config = daemon.load(path)
    except PlurimusError as error:
        return [problem("configuration", str(error), "mend the daemon's file; the daemon does not start with it")]
    found = [ok("configuration", f"{path} can be read")]
    found += [warning("configuration", text, "mend or remove the key") for text in config.warnings]
    alone = examine.alone(config)
    view = examine.view(config, alone) if alone else None
    found += [examine.program(str(alone["program"]), view)] if view else [each async for each in _daemon(config)]
    found += examine.folder(config)
    found += examine.programs(config, view)
    found += [finding async for finding in _cluster(config, str(alone.get("kubeconfig") or ""), view, now)]
    mode = rdma_mode or RdmaDevices(Path("/")).mode
    found += [finding async for finding in examinerdma.findings(config, mode, "" if view else DEFINITIONS)]
    found += [finding async for finding in _state(config, view or View())]
    return found


async def _daemon(config: ConfigFile) -> AsyncIterator[Finding]:
    path = Path(config.daemon.socket_dir) / NAME
    try:
        status = await daemonsocket.ask(path, "/readyz", timeout=config.daemon.daemon_timeout)
        if status != HTTPStatus.OK:
            yield problem("daemon", f"{path}: /readyz says {status}", "wait until the next daemon has taken over")
            return
        yield ok("daemon", f"it answers at {path}")
        status, body = await daemonsocket.fetch(path, "/status", timeout=config.daemon.daemon_timeout)
    except PlurimusError as error:
        yield problem("daemon", str(error), "start the daemon, or see in its log why it ended; pods wait for it")
        return
    if status == HTTPStatus.OK:
        try:
            said = gojson.convert(gojson.decode(body), _Status)
        except ValueError as error:
            yield warning("daemon", f"its status cannot be read: {error}", "have daemon and doctor of one release")
            return
        leaks = examineleaks.findings(said.sweep)
        for finding in (*_recovery(said.recovery), *_drivers(said.unknown_options), *leaks):
            yield finding


def _recovery(told: _Recovery) -> Iterator[Finding]:
    """What the daemon could not undo yet."""
    for tried in (*told.failed, *told.debts):
        text = f"{tried.what} is not settled after {tried.tries} tries: {tried.why}"
        yield warning("recovery", text, "mend what it names; the daemon tries it until it succeeds")


def _drivers(options: list[_Option]) -> Iterator[Finding]:
    """What the daemon says of options that its drivers do not know."""
    for each in options:
        text = f"{each.type}: {each.calls} calls had the option {each.key!r}, which the driver does not know"
        if each.by == "executable":
            todo = "remove the key if nobody means it: an executable takes longer"
            yield warning("drivers", f"{text}; the executable ran", todo)
        else:
            todo = f"remove the key, or install the executable {each.type}, which may know it"
            yield warning("drivers", f"{text}; it had no effect", todo)


async def _cluster(config: ConfigFile, path: str, view: View | None, now: float) -> AsyncIterator[Finding]:
    """`path` is the kubeconfig of calls on a node without a daemon, which `view` shows."""
    if config.daemon.manifests:
        there = Path(config.daemon.manifests).is_dir()
        text = f"the folder {config.daemon.manifests} is the cluster"
        yield ok("cluster", text) if there else problem("cluster", f"{text}, and missing", "mend the key 'manifests'")
        return
    if view is not None and path and view.lacks(path):
        yield examine.unseen("cluster", path)
        return
    try:
        access = kubeconfig.find(str((view or View()).at(path))) if path else daemon.find_access(config)
    except PlurimusError as error:
        yield problem("cluster", str(error), "mend the kubeconfig, or the key 'kubeconfig'")
        return
    if access is None:
        todo = "name a kubeconfig in the daemon's file if there is a cluster"
        yield warning("cluster", "none: no kubeconfig, and this is no container of Kubernetes", todo)
        return
    for finding in _token(access, now):
        yield finding
    server = ApiServer(access, timeout=config.daemon.api_timeout)
    try:
        if view is None:
            for what, url in (("network attachment definitions", DEFINITIONS), ("pods", PODS)):
                yield await _lists(server, what, url)
        else:
            for what, url in OF_CALLS:
                yield await _gets(server, what, url)
    finally:
        await server.close()


def _token(access: Access, now: float) -> Iterator[Finding]:
    if access.token_file is None:
        return
    try:
        age = now - access.token_file.stat().st_mtime
    except OSError as error:
        yield problem("token", f"{access.token_file}: {error.strerror}", "mount the service account's token")
        return
    text = f"{access.token_file} is {age / 3600:.1f} hours old"
    if age > OLD_TOKEN:
        yield warning("token", text, "see that who writes it renews it: the API server refuses one that is too old")
    else:
        yield ok("token", text)


async def _lists(server: ApiServer, what: str, url: str) -> Finding:
    params = {"limit": "1"}
    node = os.environ.get(NODE_NAME)
    if node and url == PODS:
        params["fieldSelector"] = f"spec.nodeName={node}"
    try:
        found = await server.get(url, _Listed, params)
    except PlurimusError as error:
        todo = "see that the API server can be reached from here, and that the daemon's role has the verb list"
        return problem("cluster", str(error), todo)
    if found is None:
        return problem("cluster", f"{server.server} knows no {what}", "kubectl apply -f deploy/plurimus.yaml")
    return ok("cluster", f"{server.server} lists {what}")


async def _gets(server: ApiServer, what: str, url: str) -> Finding:
    """What a call does on a node without a daemon; its rights are for objects by their names."""
    try:
        if url.startswith(DEFINITIONS_KIND) and await server.get(DEFINITIONS_KIND, _Listed) is None:
            return problem("cluster", f"{server.server} knows no {what}", "kubectl apply -f deploy/plurimus-thin.yaml")
        await server.get(url, _Listed)
    except PlurimusError as error:
        todo = "see that the API server can be reached from here, and that the role of calls has the verb get"
        return problem("cluster", str(error), todo)
    return ok("cluster", f"{server.server} lets calls get {what}")


async def _state(config: ConfigFile, view: View) -> AsyncIterator[Finding]:
    on_node = netconf.parse({}, overlay=config.overlay).cni_dir
    folder = view.at(on_node)
    if view.lacks(on_node):
        yield examine.unseen("records", on_node)
        return
    try:
        records = len(await RecordFiles(folder).container_ids())
        owed = len(SpoolFiles(folder / ".spool").pending())
        aside = [*files.aside(folder), *files.aside(folder / ".spool")]
    except PlurimusError as error:
        yield problem("records", str(error), "see that the folder can be read and written by root")
        return
    yield ok("records", f"{records} sandboxes on record in {folder}")
    if owed:
        todo = "see the daemon's log: it tries them until they succeed"
        yield warning("spool", f"{owed} DELs are owed in {folder}/.spool", todo)
    else:
        yield ok("spool", "no DEL is owed")
    if aside:
        yield warning("records", f"set aside as unreadable: {', '.join(aside)}", "look at them, then remove them")
