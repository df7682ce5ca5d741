"""`plurimus explain`: the plan for a pod, without doing it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from plurimus.cli import output, pods
from plurimus.cli.output import log_to_stderr
from plurimus.cni.args import Environment, format_args
from plurimus.core import order
from plurimus.core import rails as core
from plurimus.core.plan import Attachment, Plan
from plurimus.core.rails import Rails, Seat
from plurimus.node import daemon as node
from plurimus.node import planning, sandboxes
from plurimus.node.rails import NodeRails

CONTAINER_ID = "explained"


@click.command()
@click.argument("pod")
@pods.CONFIG
@output.FORMAT
def explain(pod: str, config: Path, output: str) -> None:
    """Show which interfaces POD ([namespace/]name) would get, from which networks, and why."""
    log_to_stderr()
    explained = asyncio.run(_explain(pod, config))
    plan = explained.plan
    together = order.groups(plan.attachments, explained.independent)
    steps = together if explained.side_by_side else [(attachment,) for attachment in plan.attachments]
    rows = [_row(step, attachment) for step, group in enumerate(steps, 1) for attachment in group]
    warnings = [*plan.warnings, *explained.warnings]
    if output == "json":
        document = {
            "pod": str(plan.pod),
            "attachments": rows,
            "rails": [_seat(each, explained.rails) for each in explained.seats],
            "warnings": warnings,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _print(plan, rows)
        _print_rails(explained)
        for warning in warnings:
            click.echo(f"warning: {warning}")


@dataclass(frozen=True, slots=True)
class _Explained:
    """The plan, and where its devices are; `runs`: the latter is what a sandbox that exists has."""

    plan: Plan
    side_by_side: bool
    independent: list[str]
    seats: list[Seat]
    rails: Rails
    warnings: list[str]
    runs: bool


async def _explain(name: str, config: Path) -> _Explained:
    loaded, merged = pods.configured(config)
    world = node.make_world(loaded)
    if world.cluster is None:
        raise pods.no_cluster(config)
    try:
        pod = await pods.find(world.cluster, name)
        env = Environment("ADD", CONTAINER_ID, "", "eth0", pods.runtime_args(pod, CONTAINER_ID))
        plan, _ = await planning.make_plan(env, merged, world)
        node_rails = NodeRails(loaded.daemon)
        alive = await sandboxes.alive(merged, world)
        sandbox = sandboxes.of_pod(alive, pod)
        seats = await node_rails.made(sandbox, merged, world) if sandbox else node_rails.planned(plan)
        others = [seat for each in alive if each is not sandbox for seat in node_rails.planned(each)]
    finally:
        await world.cluster.close()
    warnings = core.warnings(seats, node_rails.rails, others)
    return _Explained(
        plan,
        loaded.daemon.side_by_side,
        loaded.daemon.independent_plugins,
        seats,
        node_rails.rails,
        warnings,
        sandbox is not None,
    )


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


def _seat(seat: Seat, rails: Rails) -> dict[str, Any]:
    function = seat.function
    return {
        "device": seat.device,
        "physical function": rails.label(function.physical) if function else None,
        "numa": function.numa_node if function else None,
        "rdma": list(function.rdma) if function else [],
        "rail": seat.rail or None,
        "interface": seat.ifname,
        "address": list(seat.addresses),
    }


def _print_rails(explained: _Explained) -> None:
    if not explained.seats:
        return
    click.echo(f"\nrails, as the pod {'has them' if explained.runs else 'would have them'}\n")
    rows = [_seat(each, explained.rails) for each in explained.seats]
    click.echo(output.table(rows, ["device", "physical function", "numa", "rdma", "rail", "interface", "address"]))
