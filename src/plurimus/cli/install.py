"""`plurimus install` and `plurimus uninstall`."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import asdict
from pathlib import Path

import click

from plurimus.adapters import daemonsocket
from plurimus.adapters.cnifolder import CniFolder
from plurimus.cli import output
from plurimus.cli.output import log_to_stderr
from plurimus.cni.errors import ConfigError
from plurimus.core import cnifolder
from plurimus.node import install as node
from plurimus.node.install import Step
from plurimus.node.listener import NAME

_COLUMNS = ["done", "path", "note"]
_ANSWER_TIMEOUT = 2.0
_FOLDER = click.Path(path_type=Path, file_okay=False)
_BIN_DIR = click.option(
    "--bin-dir", type=_FOLDER, default=Path("/opt/cni/bin"), show_default=True,
    help="Where the runtime looks for CNI plugins.",
)  # fmt: skip
_CONF_DIR = click.option(
    "--conf-dir", type=_FOLDER, default=Path("/etc/cni/net.d"), show_default=True,
    help="Where the runtime looks for CNI configurations.",
)  # fmt: skip


@click.command()
@_BIN_DIR
@_CONF_DIR
@click.option(
    "--shim",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The shim to install.  [default: the one that comes with this program]",
)
@click.option(
    "--replace-multus",
    is_flag=True,
    help="Take the place of Multus: under its names, with its configuration; its pods stay deletable.",
)
@output.FORMAT
def install(bin_dir: Path, conf_dir: Path, shim: Path | None, replace_multus: bool, output: str) -> None:
    """Install the shim on this node; the daemon does the rest."""
    found = shim or node.packaged_shim()
    done = node.install(found, bin_dir=bin_dir, conf_dir=conf_dir, replace_multus=replace_multus)
    _show(asyncio.run(done), output)


@click.command()
@_BIN_DIR
@_CONF_DIR
@click.option(
    "--cni-dir", type=_FOLDER, default=Path("/var/lib/cni/multus"), show_default=True, help="Where the records are."
)
@click.option(
    "--socket-dir", type=_FOLDER, default=Path("/run/multus"), show_default=True, help="Where the daemon's socket is."
)
@click.option(
    "--chroot-dir", type=_FOLDER, help="The node's root, where this runs in a container; plugins run below it."
)
@click.option("--force", is_flag=True, help="Even while the daemon runs, and though pods are left.")
@output.FORMAT
def uninstall(
    bin_dir: Path, conf_dir: Path, cni_dir: Path, socket_dir: Path, chroot_dir: Path | None, force: bool, output: str
) -> None:
    """Remove the CNI configuration from this node, what deleted pods still hold and, once no pod needs it, the shim."""
    log_to_stderr()
    if not force and _serves(socket_dir / NAME):
        raise ConfigError(f"a daemon is listening on {socket_dir / NAME} and would put everything back; stop it first")
    if not force and CniFolder(conf_dir / cnifolder.KEPT).is_held():
        raise ConfigError(f"`plurimus thin` keeps {conf_dir} and would put everything back; stop it first")
    done = node.uninstall(bin_dir=bin_dir, conf_dir=conf_dir, cni_dir=cni_dir, chroot=chroot_dir, force=force)
    _show(asyncio.run(done), output)


def _serves(path: Path) -> bool:
    """Whether our daemon does; once Multus is back, its daemon listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            listens = probe.connect_ex(str(path)) == 0
        except OSError:  # a path too long for a socket
            return False
    return listens and asyncio.run(daemonsocket.is_ours(path, timeout=_ANSWER_TIMEOUT))


def _show(steps: list[Step], form: str) -> None:
    output.show([asdict(step) for step in steps], _COLUMNS, output=form, empty="nothing to do")
