"""`plurimus daemon`: flags, logs, the loop."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from plurimus.cli import lean  # noqa: F401 - before all that logs
from plurimus.cni.errors import ConfigError
from plurimus.core.config import parse
from plurimus.node import daemon as node
from plurimus.node import logs


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=node.DEFAULT_CONFIG,
    show_default=True,
    help="The daemon's configuration file; Multus' own is understood.",
)
def daemon(config: Path) -> None:
    """Serve the shim's requests on this node until SIGTERM."""
    if os.geteuid() != 0:
        raise ConfigError("the daemon must run as root: it enters the network namespaces of pods")
    logs.configure(parse(b"{}").daemon)
    loaded = node.load(config)
    logs.configure(loaded.daemon)
    asyncio.run(node.run(loaded))
