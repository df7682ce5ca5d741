"""What happens to one CNI request: the page to read first.

ADD:    decode, check, find the pod, plan, record, attach, settle routes, publish, answer.
DEL:    replay the record backwards, whatever else is missing.
CHECK:  every attachment in the record.
STATUS: this node's set-up and readiness, then the cluster-wide default network.
GC:     see `node.collect`.

Spec sections 1.2, 2.4 and 6.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import structlog

from plurimus.adapters import account
from plurimus.adapters.account import step, waited
from plurimus.cni import args, result, version
from plurimus.cni.args import Environment
from plurimus.cni.errors import ClusterError, Code, PlurimusError, RequestError, joined
from plurimus.cni.result import Result
from plurimus.core import netconf
from plurimus.core.config import ConfigFile
from plurimus.core.plan import Plan, PodReference
from plurimus.core.ports import SandboxLocks
from plurimus.core.schedule import Rank, rank
from plurimus.model.event import Event
from plurimus.model.pod import Pod
from plurimus.node import collect, planning, publish, rdmafacts, recall
from plurimus.node.attach import Attacher, shielded_undo
from plurimus.node.chain import Chain
from plurimus.node.context import DEFAULTS, Context, Outcome, Request
from plurimus.node.locks import LocksInProcess
from plurimus.node.lookup import DefinitionMissing
from plurimus.node.scheduler import Turn
from plurimus.node.together import both
from plurimus.node.world import World

_log = structlog.get_logger(__name__)


class Requests:
    """Answers CNI requests; one value for the life of the daemon.  `locks` are those of this process unless given."""

    def __init__(self, config: ConfigFile, world: World, locks: SandboxLocks | None = None) -> None:
        self._config = config
        self._world = world
        self.locks: SandboxLocks = locks or LocksInProcess()
        self.cni_dirs = {netconf.shim_cni_dir({}), netconf.parse({}, overlay=config.overlay).cni_dir}
        """Every `cniDir` known of: the default, that of the daemon's file, those of all requests so far."""
        self.path: tuple[str, ...] = ()
        """Where the runtime has plugins, as the last request said."""

    def document(self) -> dict[str, Any]:
        """How things stand, for people: the options drivers were given and did not know, and who waits for what."""
        return {"unknownOptions": self._world.unknown_options.document(), "schedule": self._world.scheduler.document()}

    def admit(self, context: Context, rank: Rank, plan: Plan) -> Turn:
        """The turn of a request: a context to carry out `plan` in, or to undo it."""
        kinds = {kind for attachment in plan.attachments for kind in context.chain.executables(attachment)}
        return self._world.scheduler.admit(rank, context.pod.namespace, kinds)

    async def handle(self, request: Request) -> Outcome:
        """Do what the runtime asks.

        Raises:
            PlurimusError: to be answered as a CNI error; its message starts with the pod.
        """
        subject = "Multus: "
        try:
            env = args.parse_environment(request.env, defaults=DEFAULTS)
            subject = f"Multus: [{PodReference.from_args(env.args)}]: " if env.args else subject
            context = self.context(env, netconf.decode(request.stdin))
            return await self._dispatch(context, request)
        except PlurimusError as error:
            # an attachment's error already names pod and network, and tools look for that form (F90)
            raise error if error.msg.startswith("[") else error.about(subject) from None

    def context(self, env: Environment, stdin: Mapping[str, Any]) -> Context:
        """Check the configuration and wire the parts for one request."""
        if env.args:
            account.note(pod=str(PodReference.from_args(env.args)))
        if not version.supports(version.require(stdin.get("cniVersion") or ""), env.verb):
            raise RequestError(f"config version does not allow {env.verb}", code=Code.INCOMPATIBLE_VERSION)
        merged = netconf.parse(stdin, overlay=self._config.overlay)
        self.cni_dirs.add(netconf.shim_cni_dir(stdin))
        self.path = env.path or self.path
        search = tuple(dict.fromkeys((merged.bin_dir, *self.path)))
        chain = Chain(self._world.plugins, self._world.results(merged.cni_dir), search)
        attacher = Attacher(
            chain,
            self._world.records(merged.cni_dir),
            self._world.kernel,
            self._world.device_infos,
            self._world.pod_folders,
            side_by_side=self._config.daemon.side_by_side,
            independent=self._config.daemon.independent_plugins,
        )
        return Context(env, stdin, merged, self._world, chain, attacher)

    async def cni_dir_of(self, container_id: str) -> str | None:
        """The `cniDir` with the sandbox's record; None where none has it.

        Raises:
            PlurimusError: one cannot be read, and no other has it.
        """
        unread: PlurimusError | None = None
        for folder in sorted(self.cni_dirs):
            try:
                if await self._world.records(folder).load(container_id) is not None:
                    return folder
            except PlurimusError as error:
                unread = error
        if unread is not None:
            raise unread
        return None

    async def _dispatch(self, context: Context, request: Request) -> Outcome:
        verb = context.env.verb
        if verb == "STATUS":
            await self._status(context)
        elif verb == "GC":
            await self._gc(context)
        elif verb in ("ADD", "DEL", "CHECK"):
            # one in the spool waits: an ADD that comes behind it makes it void
            async with self.sandbox(context, ends=verb == "DEL" and request.spool is None):
                if verb == "ADD":
                    return Outcome(await self._add(context), context.stdin.get("cniVersion") or version.OLDEST)
                if verb == "CHECK":
                    await self._check(context)
                elif request.spool is None or request.spool.has(context.env.container_id, context.env.ifname):
                    await self._delete(context, request)
        else:
            raise RequestError(f"unknown cmd type: {verb}", code=Code.INVALID_ENVIRONMENT)
        return Outcome()

    @asynccontextmanager
    async def sandbox(self, context: Context, *, ends: bool = False, looks: bool = False) -> AsyncIterator[None]:
        """One request at a time for a sandbox, which is never the host itself; log lines name both.

        One that `ends` has the ADDs of the sandbox end that came before it, and waits until they are undone.  Who only
        `looks` is no request: what the runtime does not know is collected all the same.
        """
        env = context.env
        async with waited(self.locks.hold(env.container_id, can_end=env.verb == "ADD", ends=ends, looks=looks)):
            with structlog.contextvars.bound_contextvars(
                pod=str(context.pod), container=env.container_id, verb=env.verb
            ):
                await self._refuse_own_namespace(env)
                yield

    async def _add(self, context: Context) -> Result:
        await self._wait_until_ready(context)
        try:
            plan, pod = await planning.make_plan(context.env, context.netconf, context.world)
        except DefinitionMissing as error:
            publish.emit(context, [Event.no_network(error.text)])
            raise
        account.note(interfaces=[attachment.ifname for attachment in plan.attachments])
        for warning in plan.warnings:
            _log.warning(warning)
        async with self.admit(context, rank(pod, context.netconf.system_namespaces), plan) as turn:
            return await self._made(context, plan, pod, turn)

    async def _made(self, context: Context, plan: Plan, pod: Pod | None, turn: Turn) -> Result:
        """Carry out the plan of an ADD; its `turn` ends with what needs memory."""
        left = await recall.plan_of(context.env, context.netconf, context.world)
        with step("look"):
            cookie, there = await context.world.kernel.look(context.env.netns)
        # what lives in the sandbox stays: an ADD to it is refused before anything is undone
        context.attacher.refuse_impossible(plan, there)
        if left is not None:
            await self._undo_leftovers(context, left)
        context.spool.forget(context.env.container_id, context.env.ifname)
        plan = replace(plan, cookie=cookie)
        try:
            with step("record"):
                async with self.locks.recording():
                    await context.attacher.remember(plan)
            made = await context.attacher.attach(plan)
            turn.give_back()
            results = await context.attacher.settle_routes(plan, made)
            default = next((index for index, a in enumerate(plan.attachments) if a.is_default), 0)
            result.dump(made[default], context.stdin.get("cniVersion") or "")  # or the runtime cannot read it
            with step("tell_rdma"):
                await rdmafacts.tell(context.world, plan, results)
            with step("publish"):  # the file is written while the API server answers
                await both(publish.write_status(context, plan, pod, results), context.attacher.cache())
        except BaseException as error:
            failures = await shielded_undo(context.attacher, plan, error)
            publish.emit(context, [Event.not_removed(str(failure)) for failure in failures])
            raise
        account.note(attachments=publish.attached(plan, results))
        # the runtime need not wait for this
        asyncio.get_running_loop().call_soon(publish.announce, context, plan, results)
        return made[default]

    async def _delete(self, context: Context, request: Request) -> None:
        """Undo what is on record.  Pod, cluster, namespace and other plugins may be gone."""
        plan = await recall.plan_of(context.env, context.netconf, context.world)
        if plan is None:
            # a daemon that was killed while it wrote the record had done nothing
            await context.world.records(context.netconf.cni_dir).remove(context.env.container_id)
            account.note(interfaces=[])
            return
        account.note(interfaces=[attachment.ifname for attachment in plan.attachments])
        async with self.admit(context, Rank.DELETE, plan):
            with step("detach"):
                errors = await context.attacher.undo(plan)
        if errors:
            if not await self._owed(context, request, errors):
                raise joined(errors)
            return
        context.spool.forget(context.env.container_id, context.env.ifname)

    async def _owed(self, context: Context, request: Request, errors: Sequence[PlurimusError]) -> bool:
        """Whether what failed is left for the daemon to try again, instead of for the runtime.

        That is so where it only concerns attachments that were never made: a configuration no plugin can
        read fails at DEL as it failed at ADD, and must not keep its pod for ever.
        """
        left = await recall.plan_of(context.env, context.netconf, context.world)
        if request.spool is not None or left is None or await context.attacher.made_any(left):
            return False
        context.spool.owe(context.env.container_id, context.env.ifname, env=request.env, stdin=request.stdin)
        publish.emit(context, [Event.not_removed(str(error)) for error in errors])
        return True

    async def _undo_leftovers(self, context: Context, left: Plan) -> None:
        """What an ADD that never ended or a DEL still spooled left is undone first, once and for all."""
        _log.warning("undoing what an earlier ADD of this sandbox left")
        with step("undo"):
            errors = await context.attacher.undo(left)
        if errors:
            raise joined(errors)

    async def _check(self, context: Context) -> None:
        plan = await recall.plan_of(context.env, context.netconf, context.world)
        if plan is None:
            raise RequestError(
                f"container {context.env.container_id} has no record on this node", code=Code.UNKNOWN_CONTAINER
            )
        account.note(interfaces=[attachment.ifname for attachment in plan.attachments])
        async with self.admit(context, Rank.OTHER, plan):
            with step("check"):
                await context.attacher.check(plan)

    async def _status(self, context: Context) -> None:
        context.world.check_node()
        await self._wait_until_ready(context)
        with step("look_up"):
            default = await planning.default_network(context.netconf, context.world)
        with step("status"):
            await context.chain.status(default.config)

    async def _gc(self, context: Context) -> None:
        valid = netconf.valid_attachments(context.stdin)
        # at once: what an ADD makes from now on is missing in the runtime's list, and lives
        gone = await collect.unknown(context, valid, self.locks)
        await self._wait_until_ready(context)
        with step("collect"):
            errors = await collect.collect(context, valid, gone, self.locks)
        if errors:
            raise joined(errors)

    async def _wait_until_ready(self, context: Context) -> None:
        """Wait for the default network's own sign of life, where one is configured (F21)."""
        path, seconds = context.netconf.readiness_indicator_file, self._config.daemon.readiness_timeout
        if not path:
            return
        with step("wait_for_default_network"):
            ready = await context.world.confdir.wait_for(path, seconds)
        if not ready:
            raise ClusterError(
                f"have you checked that your default network is ready? still waiting for readinessindicatorfile "
                f"@ {path}. pollimmediate error: timed out waiting for the condition",
                code=Code.PLUGIN_NOT_AVAILABLE if context.env.verb == "STATUS" else None,
            )

    async def _refuse_own_namespace(self, env: Environment) -> None:
        """Before anything is done, unlike upstream: a plugin let loose on the host's own links ends the node."""
        if env.netns and not env.netns_override and await self._world.kernel.is_own_namespace(env.netns):
            raise RequestError(
                f"CNI_NETNS {env.netns} is the host's own network namespace, not a pod's", code=Code.INVALID_NETNS
            )
