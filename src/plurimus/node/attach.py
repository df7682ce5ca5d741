"""Carry out a plan, or undo it.

Attachments are made in the plan's order; default routes are settled once all exist.  Whatever
fails, at whatever point, all that was started is undone in reverse order.

Spec section 6.3, steps 10 and 11, with rollback also after the last attachment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

import structlog

from plurimus.cni.errors import PlurimusError, RequestError
from plurimus.cni.result import Result
from plurimus.core import record, routes
from plurimus.core.plan import Attachment, Plan
from plurimus.core.ports import Kernel, Records
from plurimus.node.chain import Chain

_log = structlog.get_logger(__name__)


class Attacher:
    """Attaches and detaches the attachments of plans, keeping their records true."""

    def __init__(self, chain: Chain, records: Records, kernel: Kernel) -> None:
        self._chain = chain
        self._records = records
        self._kernel = kernel

    async def refuse_existing(self, plan: Plan) -> None:
        """Refuse a plan whose interface names are taken, before anything is done (F37)."""
        existing = await self._kernel.existing(plan.netns, [attachment.ifname for attachment in plan.attachments])
        for attachment in plan.attachments:
            if attachment.ifname in existing:
                raise RequestError(
                    f'DelegateAdd: cannot set "{attachment.config.plugins[0]["type"]}" interface name to '
                    f'"{attachment.ifname}": validateIfName: interface name {attachment.ifname} already exists'
                )

    async def attach(self, plan: Plan) -> list[Result]:
        """Make every attachment; the results are in the plan's order and true after the route changes.

        Raises:
            PlurimusError: the first failure; the caller undoes the plan with `undo`.
        """
        results: list[Result] = []
        for attachment in plan.attachments:
            with structlog.contextvars.bound_contextvars(network=attachment.display_name, interface=attachment.ifname):
                results.append(await self._add(plan, attachment))
        return results

    async def settle_routes(self, plan: Plan, results: Sequence[Result]) -> list[Result]:
        """Give the default routes to whom the pod wants; kernel and cached results agree afterwards."""
        decided = routes.changes([attachment.default_route for attachment in plan.attachments], results)
        by_name = {a.ifname: made for a, made in zip(plan.attachments, decided, strict=True) if made}
        if not by_name:
            return list(results)
        await self._kernel.change_default_routes(plan.netns, by_name)
        settled = []
        for attachment, result, made in zip(plan.attachments, results, decided, strict=True):
            settled.append(routes.edited(result, made))
            if made:
                await self._chain.cache(plan, attachment, settled[-1])
        return settled

    async def undo(self, plan: Plan, *, beside: tuple[Attachment, ...] = ()) -> list[PlurimusError]:
        """Detach everything and forget the plan; what fails stays on record for the next DEL.

        `beside` are attachments of the sandbox that are not part of this plan and stay.
        """
        left, errors = await self.detach(plan, plan.attachments)
        try:
            await self.remember(replace(plan, attachments=beside + left))
        except PlurimusError as error:
            errors.append(error)
        return errors

    async def detach(
        self, plan: Plan, attachments: Sequence[Attachment]
    ) -> tuple[tuple[Attachment, ...], list[PlurimusError]]:
        """Detach some attachments of `plan`, last first; those that failed, and why."""
        failed: list[Attachment] = []
        errors: list[PlurimusError] = []
        for attachment in reversed(attachments):
            try:
                await self._chain.delete(plan, attachment)
            except PlurimusError as error:
                failed.insert(0, attachment)
                errors.append(error.about(_subject(plan, attachment, "deleting")))
                _log.error("detaching failed", network=attachment.display_name, interface=attachment.ifname,
                           code=error.code, error=str(error))  # fmt: skip
        return tuple(failed), errors

    async def remember(self, plan: Plan) -> None:
        """Make the record say `plan`; there is none for a plan without attachments."""
        if plan.attachments:
            await self._records.store(plan.container_id, record.encode(plan))
        else:
            await self._records.remove(plan.container_id)

    async def check(self, plan: Plan) -> None:
        """CHECK every attachment in order (S19); the first failure is raised."""
        for attachment in plan.attachments:
            try:
                await self._chain.check(plan, attachment)
            except PlurimusError as error:
                raise error.about(_subject(plan, attachment, "checking")) from None

    async def _add(self, plan: Plan, attachment: Attachment) -> Result:
        try:
            return await self._chain.add(plan, attachment)
        except PlurimusError as error:
            raise error.about(_subject(plan, attachment, "adding")) from None


async def shielded_undo(
    attacher: Attacher, plan: Plan, cause: BaseException, *, beside: tuple[Attachment, ...] = ()
) -> list[PlurimusError]:
    """Undo, however often the request is cancelled meanwhile; failures become notes of `cause` (S49)."""
    task = asyncio.ensure_future(attacher.undo(plan, beside=beside))
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    errors = task.result()
    for error in errors:
        cause.add_note(f"while undoing: {error}")
    return errors


def _subject(plan: Plan, attachment: Attachment, doing: str) -> str:
    """The words in front of a plugin's own; tools look for the first form (F90)."""
    name = attachment.config.name
    where = {"adding": "container to network", "deleting": "container from network", "checking": "network"}[doing]
    return f'[{plan.pod}:{name}]: error {doing} {where} "{name}": '
