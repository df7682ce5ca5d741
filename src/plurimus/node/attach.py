"""Carry out a plan, or undo it.

Attachments are made in the plan's order, side by side where `core.order` finds that this makes no
difference; default routes are settled once all exist.  Whatever fails, at whatever point, all that was
started is undone in reverse order.

Spec section 6.3, steps 10 and 11, with rollback also after the last attachment.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

import structlog
from structlog.contextvars import bind_contextvars, reset_contextvars

from plurimus.adapters.account import step
from plurimus.cni.errors import PlurimusError, RequestError, joined
from plurimus.cni.result import Result
from plurimus.core import order, record, routes
from plurimus.core.plan import Attachment, Plan
from plurimus.core.ports import DeviceInfos, Kernel, PodFolders, Records
from plurimus.node import deviceinfo, rdmafacts
from plurimus.node.chain import Chain
from plurimus.node.together import Turn, in_turns, to_the_end

_log = structlog.get_logger(__name__)


class Attacher:
    """Attaches and detaches the attachments of a sandbox for one request, keeping its record true."""

    def __init__(
        self,
        chain: Chain,
        records: Records,
        kernel: Kernel,
        infos: DeviceInfos,
        folders: PodFolders,
        *,
        side_by_side: bool = True,
        independent: Collection[str] = (),
    ) -> None:
        self._chain = chain
        self._infos = infos
        self._folders = folders
        self._records = records
        self._kernel = kernel
        self._side_by_side = side_by_side
        self._independent = independent
        self._begun: set[str] = set()
        self._running = 0
        self._made: list[tuple[Plan, Attachment, Result]] = []
        """Results that are not in the cache yet."""

    def refuse_impossible(self, plan: Plan, taken: Collection[str]) -> None:
        """Refuse a plan that names a plugin nobody installed or a taken interface (F37), before anything is done.

        `taken` are the interfaces the sandbox has.
        """
        for attachment in plan.attachments:
            try:
                self._chain.find(attachment.config)
            except PlurimusError as error:
                raise error.about(_subject(plan, attachment, "adding")) from None
        for attachment in plan.attachments:
            if attachment.ifname in taken:
                raise RequestError(
                    f'DelegateAdd: cannot set "{attachment.config.plugins[0]["type"]}" interface name to '
                    f'"{attachment.ifname}": validateIfName: interface name {attachment.ifname} already exists'
                )

    async def attach(self, plan: Plan) -> list[Result]:
        """Make every attachment; the results are in the plan's order.

        The caller sees to it that the last ones get into the cache, by `cache`.

        Raises:
            PlurimusError: the first failure; the caller undoes what was `begun`.
        """
        results: list[Result] = []
        for group in self._groups(plan.attachments):
            await self.cache()
            with step("attach_default" if group[0].is_default else "attach_others"):
                results += await in_turns([partial(self._add, plan, attachment) for attachment in group])
        return results

    async def settle_routes(self, plan: Plan, results: Sequence[Result]) -> list[Result]:
        """Give the default routes to whom the pod wants; kernel and cached results agree afterwards."""
        decided = routes.changes([attachment.default_route for attachment in plan.attachments], results)
        by_name = {a.ifname: made for a, made in zip(plan.attachments, decided, strict=True) if made}
        if not by_name:
            return list(results)
        await self.cache()
        with step("settle_routes"):
            await self._kernel.change_default_routes(plan.netns, by_name)
            settled = []
            for attachment, result, made in zip(plan.attachments, results, decided, strict=True):
                settled.append(routes.edited(result, made))
                if made:
                    await self._chain.cache(plan, attachment, settled[-1])
        return settled

    async def cache(self) -> None:
        """Put into libcni's cache what was made since the last time."""
        while self._made:
            plan, attachment, made = self._made.pop(0)
            try:
                with step("cache"):
                    await self._chain.cache(plan, attachment, made)
            except PlurimusError as error:
                raise error.about(_subject(plan, attachment, "adding")) from None

    def begun(self, plan: Plan) -> Plan:
        """The plan with only those attachments that a plugin was called for."""
        return replace(plan, attachments=tuple(a for a in plan.attachments if a.ifname in self._begun))

    async def undo(self, plan: Plan, *, beside: tuple[Attachment, ...] = ()) -> list[PlurimusError]:
        """Detach everything and forget the plan; what fails stays on record for the next DEL.

        `beside` are attachments of the sandbox that are not part of this plan and stay.
        """
        left, errors = await self.detach(plan, plan.attachments)
        try:
            await self.remember(replace(plan, attachments=beside + left))
        except PlurimusError as error:
            errors.append(error)
        if not beside + left:
            await rdmafacts.forget(self._folders, plan)
        return errors

    async def undo_under_way(self, plan: Plan, ifname: str = "") -> Plan:
        """Detach what somebody had begun to add to the running sandbox, or to take from it, and who has given up.

        With `ifname` only what is at this interface.  The rest of the plan stays.

        Raises:
            PlurimusError: why something could not be detached; it is on record as it was.
        """
        begun = tuple(each for each in plan.attachments if each.under_way and ifname in ("", each.ifname))
        if not begun:
            return plan
        beside = tuple(each for each in plan.attachments if each not in begun)
        _log.warning("undoing a hot-plug that was cut short", owner=str(plan.pod), interfaces=[a.ifname for a in begun])
        errors = await self.undo(replace(plan, attachments=begun), beside=beside)
        if errors:
            raise joined(errors)
        return replace(plan, attachments=beside)

    async def detach(
        self, plan: Plan, attachments: Sequence[Attachment]
    ) -> tuple[tuple[Attachment, ...], list[PlurimusError]]:
        """Detach some attachments of `plan`, last first; those that failed, and why."""
        outcomes: list[tuple[Attachment, PlurimusError]] = []
        with contextlib.suppress(PlurimusError):
            await self.cache()  # what is made is deleted with its result
        gone = await self._delete_links(plan, attachments)
        for group in reversed(self._groups(attachments)):
            works = [partial(self._delete, plan, each, is_gone=each.ifname in gone) for each in reversed(group)]
            tried = await in_turns(works)
            outcomes += [outcome for outcome in tried if outcome is not None]
        return tuple(attachment for attachment, _ in reversed(outcomes)), [error for _, error in outcomes]

    async def made_any(self, plan: Plan) -> bool:
        """Whether the ADD of any of these attachments succeeded."""
        return any([await self._chain.is_cached(plan, attachment) for attachment in plan.attachments])

    async def remember(self, plan: Plan) -> None:
        """Make the record say `plan`; there is none for a plan without attachments."""
        if plan.attachments:
            await to_the_end(self._records.store(plan.container_id, record.encode(plan)))
        else:
            await self._records.remove(plan.container_id)

    async def check(self, plan: Plan) -> None:
        """CHECK every attachment in order (S19); the first failure is raised."""
        for attachment in plan.attachments:
            try:
                await self._chain.check(plan, attachment)
            except PlurimusError as error:
                raise error.about(_subject(plan, attachment, "checking")) from None

    def _groups(self, attachments: Sequence[Attachment]) -> list[order.Group]:
        if not self._side_by_side:
            return [(attachment,) for attachment in attachments]
        return order.groups(attachments, self._independent)

    async def _add(self, plan: Plan, attachment: Attachment, turn: Turn) -> Result:
        self._begun.add(attachment.ifname)
        self._running += 1
        with _Logged(attachment):
            try:
                await deviceinfo.hand_over(self._infos, attachment)
                made = await self._chain.add(plan, attachment, turn)
                self._made.append((plan, attachment, made))
            except PlurimusError as error:
                raise error.about(_subject(plan, attachment, "adding")) from None
            finally:
                self._running -= 1
        if self._running:  # while the others' plugins run, it costs nothing
            await self.cache()
        return made

    async def _delete_links(self, plan: Plan, attachments: Sequence[Attachment]) -> Collection[str]:
        """Have the interfaces that are all their plugins' DEL would delete leave together; those that have."""
        kinds = {each.ifname: kind for each in attachments if (kind := self._chain.link(each))}
        if not self._side_by_side or not plan.netns or len(kinds) < 2:
            return ()
        try:
            return await self._kernel.delete_links(plan.netns, kinds)
        except PlurimusError as error:  # each by itself, then, which says why if it cannot
            _log.info("interfaces are not deleted together", error=str(error))
            return ()

    async def _delete(
        self, plan: Plan, attachment: Attachment, turn: Turn, *, is_gone: bool
    ) -> tuple[Attachment, PlurimusError] | None:
        """What failed, and why; None for success."""
        with _Logged(attachment):
            try:
                await self._chain.delete(plan, attachment, turn, is_gone=is_gone)
            except PlurimusError as error:
                failure = error.about(_subject(plan, attachment, "deleting"))
                _log.error("detaching failed", code=failure.code, error=str(failure))
                return attachment, failure
            await deviceinfo.forget(self._infos, attachment)
        return None


async def shielded_undo(
    attacher: Attacher, plan: Plan, cause: BaseException, *, beside: tuple[Attachment, ...] = ()
) -> list[PlurimusError]:
    """Undo what was begun, however often the request is cancelled meanwhile; failures become notes of `cause` (S49)."""
    task = asyncio.ensure_future(attacher.undo(attacher.begun(plan), beside=beside))
    with step("undo"):
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(task)
    errors = task.result()
    for error in errors:
        cause.add_note(f"while undoing: {error}")
    return errors


class _Logged:
    """Log lines of the block name the network and the interface."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment

    def __enter__(self) -> None:
        named = self._attachment
        self._before = bind_contextvars(network=named.display_name, interface=named.ifname)

    def __exit__(self, *_: object) -> None:
        reset_contextvars(**self._before)


def _subject(plan: Plan, attachment: Attachment, doing: str) -> str:
    """The words in front of a plugin's own; tools look for the first form (F90)."""
    name = attachment.config.name
    where = {"adding": "container to network", "deleting": "container from network", "checking": "network"}[doing]
    return f'[{plan.pod}:{name}]: error {doing} {where} "{name}": '
