"""`plurimus check`: whether the interfaces of a pod that runs are fit for its job."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict, replace
from pathlib import Path

import click
import msgspec

from plurimus.adapters import podstatuses
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.manifests import ManifestFolder
from plurimus.cli import output, pods
from plurimus.cli.output import log_to_stderr
from plurimus.core.config import ConfigFile
from plurimus.core.preflight import PROBLEM, Verdict
from plurimus.node import daemon as node
from plurimus.node.preflight import Preflight, Statuses


@click.command()
@click.argument("pod")
@pods.CONFIG
@click.option(
    "--wait",
    type=click.FloatRange(0.01, 10),
    default=0.3,
    show_default=True,
    help="Seconds that neighbours and peers may take to answer, each of three times.",
)
@output.FORMAT
def check(pod: str, config: Path, wait: float, output: str) -> None:
    """Look over the interfaces of POD ([namespace/]name), which runs on this node, rail by rail.

    Exit status 1 says that there is a problem.
    """
    log_to_stderr()
    verdicts = asyncio.run(_check(pod, config, wait))
    _show(verdicts, output)
    if any(verdict.level == PROBLEM for verdict in verdicts):
        sys.exit(1)


async def _check(name: str, config: Path, wait: float) -> list[Verdict]:
    loaded, merged = pods.configured(config)
    # an executable may have a CHECK that looks at nothing
    loaded = replace(loaded, daemon=msgspec.structs.replace(loaded.daemon, executables=[]))
    world = node.make_world(loaded)
    if world.cluster is None:
        raise pods.no_cluster(config)
    try:
        pod = await pods.find(world.cluster, name)
        if isinstance(world.cluster, ManifestFolder):
            statuses: Statuses = podstatuses.of_folder(world.cluster)
        else:
            statuses = await _of_cluster(loaded)
        return await Preflight(loaded.daemon, merged, world, wait).look(pod, statuses)
    finally:
        await world.cluster.close()


async def _of_cluster(loaded: ConfigFile) -> Statuses:
    access = node.find_access(loaded)
    if access is None:
        return []
    api = ApiServer(access, timeout=loaded.daemon.api_timeout)
    try:
        return await podstatuses.of_cluster(api)
    finally:
        await api.close()


def _show(verdicts: list[Verdict], form: str) -> None:
    rows = [asdict(verdict) for verdict in verdicts]
    columns = ["level", "interface", "rail", "check", "text", "todo"]
    output.show(
        rows, [each for each in columns if each in ("level", "text") or any(row[each] for row in rows)], output=form
    )
