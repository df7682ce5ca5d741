"""A node without a daemon: what each CNI call needs is put there, and kept.

Beside the node's CNI configuration, in `plurimus.d`: the program that the shim becomes, and a kubeconfig with a
token of the service account inside, which is renewed (S15, F80).  Nothing is removed when this ends (S3): calls go on
without it until that token has expired, `node.callidentity` says when.

Decision 14; spec section 7.12.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog

from plurimus.adapters import accounttoken, kubeconfig
from plurimus.adapters.cnifolder import CniFolder
from plurimus.adapters.confdir import ConfDirectories
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError, PlurimusError
from plurimus.core import cnifolder, generate
from plurimus.core import program as core
from plurimus.core.config import ConfigFile
from plurimus.node import cniconfig, cnisource
from plurimus.node.callidentity import CallIdentity, Issue
from plurimus.node.late import NODE_NAME
from plurimus.node.probe import probe

PROGRAM, KUBECONFIG = "program", "kubeconfig"
MODULE = ("-m", "plurimus.cli.cni")
_log = structlog.get_logger(__name__)


class Keeper:
    """Keeps a node as `config` says.

    `root` is where the node's own root is seen from here, `program` what starts Plurimus on the node, `access` the
    identity to write a kubeconfig with; None where there is nothing to write.  `issue` asks for a token that lasts;
    None where calls get the very token of `access`.  `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        config: ConfigFile,
        *,
        root: Path,
        program: Sequence[str],
        access: Access | None,
        clock: Callable[[], float],
        issue: Issue | None = None,
    ) -> None:
        self._root = root
        self._program = core.write(program)
        self._folder = CniFolder(Path(config.daemon.cni_config_dir) / cnifolder.KEPT)
        self._trouble = ""
        self._identity = None if access is None else CallIdentity(access, issue, clock)
        self._names = {name: self._on_node(self._folder.path / name) for name in (PROGRAM, KUBECONFIG)}
        self._own = cniconfig.make(config, ConfDirectories(), clock, self._render)
        if not cnisource.kept_name(config):
            todo = f'give \'multusAutoconfigDir\', or write one with "program": "{self._names[PROGRAM]}"'
            _log.warning("no CNI configuration is made on this node", todo=todo)

    async def run(self) -> None:
        """Look for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_for_ever())
            if self._identity is not None:
                tasks.create_task(self._identity.run())

    async def once(self) -> None:
        """One round that begins with a token."""
        if self._identity is not None:
            await self._identity.renew()
        self.look()

    async def _look_for_ever(self) -> None:
        while True:
            try:
                self.look(stay=True)
            except Exception:  # noqa: BLE001 - the token must be kept fresh, whatever was wrong this time
                _log.exception("keeping the node failed for a reason nobody foresaw")
            await asyncio.sleep(cniconfig.PERIOD)

    def look(self, *, stay: bool = False) -> None:
        """One round: what calls need first, then the configuration that sends them there.

        Who means to `stay` marks the folder.
        """
        try:
            self._keep(PROGRAM, self._program)
            if self._identity is not None:
                self._keep_identity(self._identity)
            if stay:
                self._folder.hold()
            trouble = ""
        except PlurimusError as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:
            _log.warning("this node cannot be kept as it should be", wrong=trouble)
        self._trouble = trouble
        if self._own is not None:
            self._own.look()

    def check(self) -> None:
        """Whether all is in place.

        Raises:
            ConfigError: it is not; the text says why.
        """
        if self._trouble:
            raise ConfigError(self._trouble)
        if self._own is not None:
            self._own.check()

    def paths(self) -> Iterator[Path]:
        """The files that are kept beside the CNI configuration."""
        yield self._folder.path / PROGRAM
        if self._identity is not None:
            yield self._folder.path / KUBECONFIG

    def _keep(self, name: str, content: bytes) -> None:
        if self._folder.read(name) != content:
            self._folder.write(name, content)
            _log.info("wrote what calls need", path=str(self._folder.path / name))

    def _keep_identity(self, identity: CallIdentity) -> None:
        """What is there may be good for longer than the token of this pod, which is for a node without any."""
        if identity.access is not None and (identity.lasting or self._folder.read(KUBECONFIG) is None):
            self._keep(KUBECONFIG, kubeconfig.standalone(identity.access))

    def _render(self, config: ConfigFile, default: NetworkConfig, path: str) -> bytes:
        """The node's CNI configuration; there is none before there is what it refers to."""
        for kept in self.paths():
            if not kept.exists():
                raise ConfigError(f"{kept} is not there yet: {self._trouble or 'the API server is being asked'}")
        access = _own_kubeconfig(config) or (self._names[KUBECONFIG] if self._identity is not None else "")
        on_node = self._on_node(Path(path))
        return generate.generate_thin(config, default, path=on_node, program=self._names[PROGRAM], kubeconfig=access)

    def _on_node(self, path: Path) -> str:
        """The path of a file as the node has it."""
        try:
            return str(Path("/") / path.absolute().relative_to(self._root.absolute()))
        except ValueError:
            raise ConfigError(f"{path} is not below {self._root}, where the node's root is (--host-root)") from None


def access(config: ConfigFile, env: Mapping[str, str]) -> Access | None:
    """The container's own identity, where the file names no other cluster."""
    return None if _own_kubeconfig(config) or config.daemon.manifests else kubeconfig.in_cluster(env)


def issue(config: ConfigFile) -> Issue:
    """What asks the API server for the token of calls."""
    return partial(accounttoken.issue, timeout=config.daemon.api_timeout)


def program(python: str = "", *, node: str = "") -> list[str]:
    """The words that start Plurimus for one call.

    `python` are those that start Python on the node, and `node` is its name, which events have as their source.

    Raises:
        ConfigError: `python` cannot be taken apart.
    """
    try:
        words = shlex.split(python) if python else [sys.executable, "-I"]
    except ValueError as error:
        raise ConfigError(f"--python: {error}") from error
    return [*([f"{NODE_NAME}={node}"] if node else []), *words, *MODULE]


async def try_program(words: Sequence[str], root: Path) -> None:
    """Have the program answer VERSION, or see that it is there, where it cannot be started from here.

    Raises:
        ConfigError: the node could not carry out a call.
    """
    variables, command = core.read(core.write(words))
    if root != Path("/"):
        if not os.access(root / command[0].lstrip("/"), os.X_OK):
            raise ConfigError(f"the program {command[0]} is not on the node, below {root}; see --python")
        return
    await probe(f"the program {shlex.join(command)}", command, variables)


def _own_kubeconfig(config: ConfigFile) -> str:
    """The one the file names, which is used as it is."""
    return str(config.overlay.get("kubeconfig") or "")
