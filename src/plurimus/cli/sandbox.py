"""`plurimus sandbox`: plays the container runtime for one pod of a manifest folder.

It makes a network namespace, calls the node's CNI configuration in it as a runtime would, and
shows what came of it.  For trying things out and for the demonstration; a node has a real runtime.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from plurimus.adapters.manifests import ManifestFolder
from plurimus.cli import inspect, output, pods, runtime
from plurimus.cli.runtime import Runtime, Sandbox

STATE = Path("/run/plurimus/sandboxes")

_runtime_options = [
    pods.MANIFESTS,
    click.option(
        "--netconf",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        required=True,
        help="The node's CNI configuration, which a runtime reads from /etc/cni/net.d.",
    ),
    click.option(
        "--bin-dir",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        default=Path("/opt/cni/bin"),
        show_default=True,
        help="Where the shim and the plugins are.",
    ),
    click.option("--state", type=click.Path(path_type=Path, file_okay=False), default=STATE, show_default=True),
]


def _options(command: Any) -> Any:
    for option in reversed(_runtime_options):
        command = option(command)
    return command


@click.group()
def sandbox() -> None:
    """Play the container runtime for a pod of a manifest folder."""
    output.log_to_stderr()


@sandbox.command()
@click.argument("pod")
@_options
@output.FORMAT
def create(pod: str, manifests: Path, netconf: Path, bin_dir: Path, state: Path, output: str) -> None:
    """Make a sandbox for POD ([namespace/]name), attach its networks and show them."""
    cluster = ManifestFolder(manifests)
    player = Runtime(netconf=pods.read(netconf), bin_dir=bin_dir, state=state)
    made, result = asyncio.run(_create(player, cluster, pod))
    view = inspect.describe(made.netns)
    status = cluster.written.network_status(made.namespace, made.name)
    if output == "json":
        click.echo(json.dumps({**made.document(), **view, "result": result, "networkStatus": status}, indent=2))
    else:
        click.echo(
            f"sandbox {made.short} of pod {made.namespace}/{made.name} in {made.netns}, {made.seconds * 1e3:.0f} ms\n"
        )
        click.echo(inspect.text(view))
        click.echo(f"network status of the pod:\n{status or '(none written)'}")


@sandbox.command()
@click.argument("pod")
@_options
def delete(pod: str, manifests: Path, netconf: Path, bin_dir: Path, state: Path) -> None:
    """Detach the networks of POD ([namespace/]name, or the start of a sandbox's ID) and remove its sandbox."""
    player = Runtime(netconf=pods.read(netconf), bin_dir=bin_dir, state=state)
    found = player.find(pod)
    seconds = asyncio.run(player.delete(found))
    ManifestFolder(manifests).written.forget(found.namespace, found.name)
    click.echo(f"sandbox {found.short} of pod {found.namespace}/{found.name} deleted, {seconds * 1e3:.0f} ms")


@sandbox.command(name="list")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), default=STATE, show_default=True)
@output.FORMAT
def list_(state: Path, output: str) -> None:
    """List the sandboxes made here."""
    rows = [{**found.document(), "pod": f"{found.namespace}/{found.name}"} for found in runtime.sandboxes(state)]
    _show(rows, output)


async def _create(player: Runtime, cluster: ManifestFolder, name: str) -> tuple[Sandbox, dict[str, Any]]:
    return await player.create(await pods.find(cluster, name))


def _show(rows: list[dict[str, Any]], form: str) -> None:
    output.show(rows, ["id", "pod", "netns"], output=form, empty="no sandboxes")
