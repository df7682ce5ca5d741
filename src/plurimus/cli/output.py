"""Tables for people, JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import structlog
from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]
_UNLIMITED = 100_000
"""Columns of what is no terminal."""

FORMAT = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="For people or programs."
)


def log_to_stderr() -> None:
    """Keep log lines out of what is printed."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def show(rows: Sequence[Row], columns: Sequence[str], *, output: str, empty: str = "nothing to show") -> None:
    """Print rows: as a table of `columns`, or all keys as JSON."""
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(table(rows, columns), nl=False)
    else:
        click.echo(empty)


def table(rows: Sequence[Row], columns: Sequence[str], *, indent: int = 0) -> str:
    """A plain table; lists become one line each, so nothing is cut off."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column.upper(), overflow="fold")
    for row in rows:
        grid.add_row(*(_cell(row.get(column)) for column in columns))
    terminal = Console()
    # for a program that reads it, or a file, a row is a line however long
    width = max(100, terminal.width) if terminal.is_terminal else _UNLIMITED
    console = Console(width=width, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(grid)
    return "".join(" " * indent + line.rstrip() + "\n" for line in capture.get().splitlines())


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return "\n".join(str(item) for item in value) or "-"
    return str(value)
