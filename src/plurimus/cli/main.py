"""The command `plurimus`.

Each group of subcommands is a file beside this one, imported when it is called: the daemon shall
not carry the tables, nor the tables the daemon.
"""

from __future__ import annotations

import importlib
import sys

import click

from plurimus.cni.errors import PlurimusError

_COMMANDS = {
    "daemon": "plurimus.cli.daemon:daemon",
    "thin": "plurimus.cli.thin:thin",
    "approve": "plurimus.cli.approve:approve",
    "explain": "plurimus.cli.explain:explain",
    "check": "plurimus.cli.check:check",
    "install": "plurimus.cli.install:install",
    "uninstall": "plurimus.cli.install:uninstall",
    "gc": "plurimus.cli.gc:gc",
    "doctor": "plurimus.cli.doctor:doctor",
    "sandbox": "plurimus.cli.sandbox:sandbox",
    "version": "plurimus.cli.version:version",
    "completion": "plurimus.cli.completion:completion",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def root() -> None:
    """More than one network interface for a Kubernetes pod."""


def main() -> None:
    """Run the command; what goes wrong is one line on stderr and exit status 1."""
    try:
        root(prog_name="plurimus")
    except PlurimusError as error:
        click.echo(f"plurimus: {error}", err=True)
        for note in getattr(error, "__notes__", []):
            click.echo(f"plurimus: {note}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
