"""One attachment, verb by verb: its chain of plugins in the right order, and libcni's result cache.

ADD and CHECK go through the plugins in order, DEL in reverse; each ADD's result is the next
plugin's `prevResult`.  What a failed ADD leaves behind is for the caller to undo.

CNI spec, "Execution"; spec section 1.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from plurimus.cni import args, conf, result, version
from plurimus.cni.cache import CachedAttachment
from plurimus.cni.conf import NetworkConfig, PluginConf
from plurimus.cni.errors import Code, PlurimusError, RequestError
from plurimus.cni.result import Result
from plurimus.core import order
from plurimus.core.plan import Attachment, Plan
from plurimus.core.ports import Plugins, Results
from plurimus.node.scheduler import not_begun
from plurimus.node.together import Turn

PASSTHRU = "passthru"
"""The head of an auxiliary chain: an empty result and nothing else, so no process is started for it."""


class Chain:
    """Runs the plugins of one request; `search` are the folders plugins are found in."""

    def __init__(self, plugins: Plugins, results: Results, search: Sequence[str]) -> None:
        self._plugins = plugins
        self._results = results
        self._search = tuple(search)
        self._untouched: set[str] = set()
        """Interfaces of which an ADD ended before it had begun any plugin: there is nothing to delete."""

    def find(self, config: NetworkConfig) -> None:
        """Find all plugins of the network.

        Raises:
            AttachmentError: as ADD would, but nothing has run.
        """
        for plugin in _executed(config):
            try:
                self._plugins.find(plugin["type"], self._search)
            except PlurimusError as error:
                raise _of_plugin(error, config, plugin, "add") from None

    async def add(self, plan: Plan, attachment: Attachment, turn: Turn | None = None) -> Result:
        """Attach; the caller caches the result.  What `turn` waits for is waited for by plugins that go in turn.

        Raises:
            AttachmentError: the plugin's own; for a list the message names the plugin.
        """
        config, env = attachment.config, self._environment("ADD", plan, attachment)
        made, previous = Result(config.cni_version), None
        for plugin in config.plugins:
            await _waited(plugin, turn)
            watch = not_begun.set(partial(self._never_began, attachment, plugin))
            try:
                told = await self._run(config, plugin, env, "add", attachment.capability_args, previous)
            finally:
                not_begun.reset(watch)
            made = told if isinstance(told, Result) else result.parse(told, default_version=config.cni_version)
            if plugin is not config.plugins[-1]:
                previous = result.dump(made, config.cni_version)
        return made

    def _never_began(self, attachment: Attachment, plugin: PluginConf) -> None:
        """An executable that `plugin` waited for: it itself, unless it runs in the daemon and started another."""
        itself = tuple(self._plugins.executables(plugin["type"], plugin)) == (plugin["type"],)
        if itself and plugin is _executed(attachment.config)[0]:
            self._untouched.add(attachment.ifname)

    async def cache(self, plan: Plan, attachment: Attachment, made: Result) -> None:
        """Write `made` as the result of this attachment; CHECK and DEL hand it to the plugins."""
        config = attachment.config
        entry = CachedAttachment(
            network=config.name,
            container_id=plan.container_id,
            ifname=attachment.ifname,
            config=config.encode(),
            netns=plan.netns,
            args=attachment.args,
            capability_args=dict(attachment.capability_args),
            result=result.dump(made, made.cni_version or config.cni_version),
        )
        await self._results.store(entry)

    def link(self, attachment: Attachment) -> str:
        """The kind of the interface that is all DEL takes from the kernel; empty where it takes more, or may."""
        config = attachment.config
        kinds = [self._plugins.link(plugin["type"], plugin, self._search) for plugin in _executed(config)]
        made = [kind for kind in kinds if kind]
        return made[0] if len(made) == 1 and None not in kinds else ""

    def executables(self, attachment: Attachment) -> Iterator[str]:
        """The types of the executables that its plugins' calls start."""
        for plugin in _executed(attachment.config):
            yield from self._plugins.executables(plugin["type"], plugin)

    async def delete(
        self, plan: Plan, attachment: Attachment, turn: Turn | None = None, *, is_gone: bool = False
    ) -> None:
        """Detach, plugins in reverse order up to the first failure; the cached result goes on success.

        None is called where an ADD of this request has begun none.
        `is_gone` says that the interface is, so its plugins are called as where the namespace has ended.
        """
        config, env = attachment.config, self._environment("DEL", plan, attachment)
        if is_gone:
            env["CNI_NETNS"] = ""
        if attachment.ifname in self._untouched:
            return
        previous = await self._cached(plan, attachment) if self._reads_previous(config) else None
        for plugin in reversed(config.plugins):
            await _waited(plugin, turn)
            await self._run(config, plugin, env, "delete", attachment.capability_args, previous)
        await self._results.remove(config.name, plan.container_id, attachment.ifname)

    async def is_cached(self, plan: Plan, attachment: Attachment) -> bool:
        """Whether there is a result of this attachment: its ADD succeeded, and no DEL has since."""
        return await self._results.load(attachment.config.name, plan.container_id, attachment.ifname) is not None

    async def answered(self, plan: Plan, attachment: Attachment) -> Result | None:
        """What the ADD of this attachment answered, by the cache; one that cannot be read counts as none."""
        config = attachment.config
        entry = await self._results.load(config.name, plan.container_id, attachment.ifname)
        if entry is None or entry.result is None:
            return None
        try:
            return result.parse(entry.result, default_version=config.cni_version)
        except PlurimusError:
            return None

    async def check(self, plan: Plan, attachment: Attachment) -> None:
        """Check against the cached result; a configuration below 0.4.0 cannot be checked and passes."""
        config, env = attachment.config, self._environment("CHECK", plan, attachment)
        if config.disable_check or not version.supports(config.cni_version, "CHECK"):
            return
        previous = await self._cached(plan, attachment)
        if previous is None:
            raise RequestError(
                f"network {attachment.display_name!r}, interface {attachment.ifname}: its cached result is missing",
                code=Code.UNKNOWN_CONTAINER,
            )
        for plugin in config.plugins:
            await self._run(config, plugin, env, "check", attachment.capability_args, previous)

    async def status(self, config: NetworkConfig) -> None:
        """Ask each plugin for its STATUS; the first error is raised as it is."""
        if version.supports(config.cni_version, "STATUS"):
            for plugin in _executed(config):
                await self._plugins.run(
                    plugin["type"], env=self._base("STATUS"), stdin=conf.derive(config, plugin), search=self._search
                )

    async def collect(self, config: NetworkConfig, arguments: Mapping[str, Any]) -> list[PlurimusError]:
        """GC in every plugin of the network; all are called, all failures returned."""
        errors: list[PlurimusError] = []
        if config.disable_gc or not version.supports(config.cni_version, "GC"):
            return errors
        for plugin in _executed(config):
            stdin = conf.derive(config, plugin, extra=arguments)
            try:
                await self._plugins.run(plugin["type"], env=self._base("GC"), stdin=stdin, search=self._search)
            except PlurimusError as error:
                errors.append(error.about(f"network {config.name!r}, plugin {plugin['type']!r} failed (gc): "))
        return errors

    async def _run(
        self,
        config: NetworkConfig,
        plugin: PluginConf,
        env: Mapping[str, str],
        verb: str,
        capability_args: Mapping[str, Any],
        previous: Mapping[str, Any] | None,
    ) -> bytes | Result:
        if plugin["type"] == PASSTHRU:
            return b"{}"
        derived = conf.derived(config, plugin, prev_result=previous, capability_args=capability_args)
        try:
            return await self._plugins.call(plugin["type"], env=env, conf=derived, search=self._search)
        except PlurimusError as error:
            raise _of_plugin(error, config, plugin, verb) from None

    def _reads_previous(self, config: NetworkConfig) -> bool:
        """Whether a DEL is to be told the ADD's result: none is before 0.4.0, and some make nothing of it."""
        return version.parse(config.cni_version) >= (0, 4, 0) and any(
            self._plugins.reads_previous(plugin["type"], plugin) for plugin in _executed(config)
        )

    async def _cached(self, plan: Plan, attachment: Attachment) -> dict[str, Any] | None:
        """The cached result in the configuration's version; one that cannot be read counts as none."""
        made = await self.answered(plan, attachment)
        try:
            return None if made is None else result.dump(made, attachment.config.cni_version)
        except PlurimusError:
            return None

    def _base(self, verb: str) -> dict[str, str]:
        return {"CNI_COMMAND": verb, "CNI_PATH": ":".join(self._search)}

    def _environment(self, verb: str, plan: Plan, attachment: Attachment) -> dict[str, str]:
        return self._base(verb) | {
            "CNI_CONTAINERID": plan.container_id,
            "CNI_NETNS": plan.netns,
            "CNI_IFNAME": attachment.ifname,
            "CNI_ARGS": args.format_args(attachment.args),
        }


async def _waited(plugin: PluginConf, turn: Turn | None) -> None:
    if turn is not None and order.in_turn(plugin):
        await turn()


def _executed(config: NetworkConfig) -> list[PluginConf]:
    """The plugins that are programs."""
    return [plugin for plugin in config.plugins if plugin["type"] != PASSTHRU]


def _of_plugin(error: PlurimusError, config: NetworkConfig, plugin: PluginConf, verb: str) -> PlurimusError:
    """The error with the plugin named, where the network is a list, in the words of the reference library."""
    if config.single:
        return error
    name = f' name="{plugin["name"]}"' if plugin.get("name") else ""
    return error.about(f'plugin type="{plugin["type"]}"{name} failed ({verb}): ')
