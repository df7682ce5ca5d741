"""`plurimus explain`: the plan for a pod, without doing it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from plurimus.cli import output, pods
from plurimus.cli.output import log_to_stderr
from plurimus.cni.args import Environment, format_args
from plurimus.cni.errors import ConfigError
from plurimus.core import netconf, order
from plurimus.core.plan import Attachment, Plan
from plurimus.node import cnisource, planning
from plurimus.node import daemon as node

CONTAINER_ID = "explained"


@click.command()
@click.argument("pod")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=node.DEFAULT_CONFIG,
    show_default=True,
    help="The daemon's configuration file, which names the cluster.",
)
@output.FORMAT
def explain(pod: str, config: Path, output: str) -> None:
    """Show which interfaces POD ([namespace/]name) would get, from which networks, and why."""
    log_to_stderr()
    plan, side_by_side = asyncio.run(_plan(pod, config))
    steps = order.groups(plan.attachments) if side_by_side else [(attachment,) for attachment in plan.attachments]
    rows = [_row(step, attachment) for step, group in enumerate(steps, 1) for attachment in group]
    if output == "json":
        document = {"pod": str(plan.pod), "attachments": rows, "warnings": plan.warnings}
        click.echo(json.dumps(document, indent=2))
    else:
        _print(plan, rows)


async def _plan(name: str, config: Path) -> tuple[Plan, bool]:
    loaded = node.load(config)
    handed_over = cnisource.handed_over(loaded)
    # on a node without a daemon the runtime's configuration is where the cluster is named
    known = {key: value for key, value in handed_over.items() if key == "kubeconfig"} | loaded.overlay
    world = node.make_world(replace(loaded, overlay=known))
    if world.cluster is None:
        raise ConfigError(f"{config}: neither 'manifests' nor 'kubeconfig' names a cluster to explain pods of")
    try:
        pod = await pods.find(world.cluster, name)
        env = Environment("ADD", CONTAINER_ID, "", "eth0", pods.runtime_args(pod, CONTAINER_ID))
        merged = netconf.parse(handed_over, overlay=loaded.overlay)
        plan, _ = await planning.make_plan(env, merged, world)
    finally:
        await world.cluster.close()
    return plan, loaded.daemon.side_by_side


def _row(step: int, attachment: Attachment) -> dict[str, Any]:
    return {
        "step": step,
        "interface": attachment.ifname,
        "network": attachment.display_name,
        "cni name": attachment.config.name,
        "plugins": list(attachment.config.types),
        "version": attachment.config.cni_version,
        "default": attachment.is_default,
        "default route": None if attachment.default_route is None else list(attachment.default_route),
        "device": attachment.device_id,
        "resource": attachment.resource_name,
        "capability args": dict(attachment.capability_args),
        "args": format_args(attachment.args),
    }


def _print(plan: Plan, rows: list[dict[str, Any]]) -> None:
    click.echo(f"pod {plan.pod.namespace}/{plan.pod.name}: {len(rows)} interfaces, those of one step side by side\n")
    columns = ["step", "interface", "network", "plugins", "version"]
    columns += [name for name in ("device", "default route") if any(row[name] for row in rows)]
    click.echo(output.table(rows, columns))
    for row in rows:
        if row["capability args"]:
            click.echo(f"{row['interface']} asks for {json.dumps(row['capability args'])}")
    for warning in plan.warnings:
        click.echo(f"warning: {warning}")
