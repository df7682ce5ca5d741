"""`plurimus completion`: what makes a shell complete subcommands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script, for example: source <(plurimus completion bash)."""
    parent = click.get_current_context().find_root().command
    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(complete(parent, {}, "plurimus", "_PLURIMUS_COMPLETE").source())
