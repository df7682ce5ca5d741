"""`plurimus version`."""

from __future__ import annotations

import json

import click

from plurimus.cni.version import SUPPORTED
from plurimus.version import VERSION


@click.command()
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="For people or for programs.")
def version(output: str) -> None:
    """Which release this is, and which CNI versions it speaks."""
    if output == "json":
        click.echo(json.dumps({"version": VERSION, "cniVersions": SUPPORTED}))
    else:
        click.echo(f"plurimus {VERSION} (CNI {', '.join(SUPPORTED)})")
