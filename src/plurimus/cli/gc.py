"""`plurimus gc`: what no living sandbox of this node owns, shown or given back."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from plurimus.adapters import daemonsocket
from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.cli import output, pods
from plurimus.cli.output import log_to_stderr
from plurimus.cni import gojson
from plurimus.cni.errors import ClusterError, PlurimusError
from plurimus.core.config import ConfigFile
from plurimus.core.leaks import Fate
from plurimus.node import daemon as node
from plurimus.node import examine
from plurimus.node.listener import NAME
from plurimus.node.recovery import Debts
from plurimus.node.request import Requests
from plurimus.node.sweep import GRACE, Report, Sweep

LEAKS = 3
_COLUMNS = ("fate", "kind", "what", "container", "pod", "why", "done")
_PATIENCE = 3600.0


@click.command()
@pods.CONFIG
@click.option("--dry-run", is_flag=True, help="Show what is leaked, and leave it.")
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=GRACE,
    show_default=True,
    help="Seconds something that is on no record must have been there to count as leaked.",
)
@click.option(
    "--without-daemon",
    is_flag=True,
    help="Give back although no daemon answers, on a node that has one: none may start meanwhile.",
)
@output.FORMAT
@click.option("--json", "output", flag_value="json", help="The same as --output json.")
def gc(config: Path, dry_run: bool, grace: float, without_daemon: bool, output: str) -> None:
    """Give back what no living sandbox of this node owns: addresses, VFs, RDMA devices, files, records.

    A daemon that runs does it.  What may be in use is kept, and shown with the reason.  Exit status 3 says that a dry
    run found leaks, 1 that something could not be given back.
    """
    log_to_stderr()
    report = asyncio.run(_swept(config, dry_run=dry_run, grace=grace, alone=without_daemon))
    _show(report, output)
    leaked = [each for each in report.findings if each.fate == Fate.LEAKED.value]
    if dry_run and leaked:
        sys.exit(LEAKS)
    if any(each.done != "freed" for each in leaked):
        sys.exit(1)


async def _swept(path: Path, *, dry_run: bool, grace: float, alone: bool) -> Report:
    loaded, merged = pods.configured(path)
    socket = Path(loaded.daemon.socket_dir) / NAME
    if await _listens(socket, loaded):
        return await _asked(socket, dry_run=dry_run, grace=grace)
    if not dry_run and not alone and not examine.alone(loaded):
        raise ClusterError(
            f"no daemon answers at {socket}, so nothing is given back; start it, it sweeps by itself, or see what "
            "there is with --dry-run, or say --without-daemon if none will start meanwhile"
        )
    world = node.make_world(loaded)
    try:
        requests = Requests(loaded, world, FileLocks(Path(merged.cni_dir) / ".locks"))
        debts = Debts(world.spool, requests, time.monotonic)
        return await Sweep(loaded, world, requests, debts, time.monotonic).sweep(dry_run=dry_run, grace=grace)
    finally:
        if world.cluster is not None:
            await world.cluster.close()


async def _listens(socket: Path, config: ConfigFile) -> bool:
    """Whether there is a daemon.

    Raises:
        ClusterError: there is one, and it does not answer.
    """
    try:
        await daemonsocket.ask(socket, "/healthz", timeout=config.daemon.daemon_timeout)
    except ClusterError as error:
        if isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
            return False
        raise
    return True


async def _asked(socket: Path, *, dry_run: bool, grace: float) -> Report:
    body = msgspec.json.encode({"dryRun": dry_run, "grace": grace})
    status, content = await daemonsocket.fetch(socket, "/gc", method="POST", timeout=_PATIENCE, body=body)
    if status != 200:
        raise ClusterError(f"the daemon at {socket} refuses a sweep: {content.decode(errors='replace').strip()}")
    try:
        return gojson.convert(gojson.decode(content), Report)
    except ValueError as error:
        raise PlurimusError(f"{socket}: the answer cannot be read; have daemon and command of one release") from error


def _show(report: Report, form: str) -> None:
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
        return
    rows: list[dict[str, Any]] = [msgspec.structs.asdict(each) for each in report.findings]
    shown = [column for column in _COLUMNS if any(row[column] for row in rows)]
    output.show(rows, shown, output=form, empty="nothing is leaked")
    for silent in report.silent_pods:
        click.echo(f"pod {silent.pod}: {silent.text}")
    for text in report.odd:
        click.echo(f"plurimus: could not be looked at: {text}", err=True)
