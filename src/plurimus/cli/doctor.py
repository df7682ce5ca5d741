"""`plurimus doctor`: whether this node is set up as it must be, and what to do where it is not."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from plurimus.cli import output
from plurimus.cli.output import log_to_stderr
from plurimus.node import doctor as node
from plurimus.node.daemon import DEFAULT_CONFIG
from plurimus.node.examine import PROBLEM


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The daemon's configuration file.",
)
@output.FORMAT
def doctor(config: Path, output: str) -> None:
    """Look over this node's set-up; run it where the daemon runs.  Exit status 1 says that there is a problem."""
    log_to_stderr()
    findings = asyncio.run(node.findings(config, now=time.time()))
    _show([asdict(finding) for finding in findings], output)
    if any(finding.level == PROBLEM for finding in findings):
        sys.exit(1)


def _show(rows: list[dict[str, str]], form: str) -> None:
    output.show(rows, ["level", "subject", "text", "todo"], output=form)
