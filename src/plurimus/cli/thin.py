"""`plurimus thin`: a node that does without a daemon."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import click
import msgspec

from plurimus.cli import lean  # noqa: F401 - before all that logs
from plurimus.node import daemon, logs
from plurimus.node import thin as node
from plurimus.node.late import NODE_NAME
from plurimus.node.thin import Keeper


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=daemon.DEFAULT_CONFIG,
    show_default=True,
    help="The daemon's configuration file; what matters to requests goes into the node's CNI configuration.",
)
@click.option("--once", is_flag=True, help="Write what is needed and end, instead of keeping it until SIGTERM.")
@click.option(
    "--python",
    default="",
    help="What starts Python on the node, with Plurimus in it: words as in a shell, first any NAME=value.  "
    "[default: this Python]",
)
@click.option(
    "--host-root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Where the node's root is seen from here, in a container.",
)
def thin(config: Path, once: bool, python: str, host_root: Path) -> None:
    """Set up this node to run Plurimus once for each request, without a daemon, and keep it so."""
    loaded = daemon.load(config)
    # the log file of the configuration is that of the requests
    logs.configure(msgspec.structs.replace(loaded.daemon, log_file="", log_to_stderr=True))
    for warning in loaded.warnings:
        click.echo(f"plurimus: {warning}", err=True)
    if loaded.daemon.per_node_certificate.enabled:
        click.echo("plurimus: 'perNodeCertificate' has no effect: it is the daemon's, and this node has none", err=True)
    words = node.program(python, node=os.environ.get(NODE_NAME, ""))
    asyncio.run(node.try_program(words, host_root))
    access = node.access(loaded, os.environ)
    keeper = Keeper(
        loaded, root=host_root, program=words, access=access, clock=time.monotonic, issue=node.issue(loaded)
    )
    if once:
        asyncio.run(keeper.once())
        keeper.check()
    else:
        asyncio.run(_keep(keeper))


async def _keep(keeper: Keeper) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keeping = asyncio.create_task(keeper.run())
    await stop.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
