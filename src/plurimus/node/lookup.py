"""From references to delegates: finding the configuration each reference means.

A name without `/` of the node's own configuration is a definition in the administrator's
namespace, else a configuration file of that name; one with `/` is a path.  A pod's reference is
always a definition, whose empty `config` means a file of its name on this node.

Spec sections 2.3, 2.6 and 4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from plurimus.cni import conf
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ClusterError, ConfigError, PlurimusError, RequestError
from plurimus.core import resolve
from plurimus.core.delegate import Delegate
from plurimus.core.netconf import NetConf
from plurimus.core.ports import Cluster, ConfDir
from plurimus.core.resolve import Reference
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.node import limits


class DefinitionMissing(RequestError):
    """A pod refers to a definition that does not exist; `text` is that of the event (F44)."""

    def __init__(self, reference: Reference, cause: str) -> None:
        what = f"({reference.name}) in namespace ({reference.namespace})"
        self.text = f"cannot find a network-attachment-definition {what}: {cause}"
        super().__init__(self.text)


class Lookup:
    """Finds delegates for one configuration of the node."""

    def __init__(self, netconf: NetConf, cluster: Cluster | None, confdir: ConfDir) -> None:
        self._netconf = netconf
        self._cluster = cluster
        self._confdir = confdir

    async def delegates(self, references: Sequence[Reference]) -> list[Delegate]:
        """One delegate per reference, in order.

        Raises:
            DefinitionMissing, ConfigError, ClusterError: the message names the reference.
        """
        return [await self._delegate(reference) for reference in references]

    def auxiliary(self) -> Delegate | None:
        """The auxiliary chain, which follows all other delegates (F23); None when it has no files."""
        name = self._netconf.auxiliary_chain_name
        if not name:
            return None
        if "/" not in self._netconf.cluster_network:
            raise ConfigError(
                f"auxiliaryCNIChainName {name!r}: 'clusterNetwork' must be a path, beside which the chain's folder "
                f"lies; it is {self._netconf.cluster_network!r}"
            )
        folder = str(PurePath(self._netconf.cluster_network).parent)
        config = self._confdir.chain(folder, name, self._netconf.cni_version)
        return None if config is None else Delegate(config, config.name).checked()

    async def _delegate(self, reference: Reference) -> Delegate:
        if reference.inline is not None:
            source = self._netconf.delegates[reference.inline]
            config = conf.parse(source, list_version=self._netconf.cni_version)
            return Delegate(config, config.name, is_default=reference.is_default).checked()
        if reference.is_path:
            config = self._confdir.load(reference.name, list_version=self._netconf.cni_version)
            return Delegate(config, config.name, is_default=reference.is_default).checked()
        if reference.on_disk:
            return await self._on_node(reference)
        definition = await self._definition(reference)
        if definition is None:
            raise DefinitionMissing(reference, "it does not exist; create it, or mend the pod's annotation")
        return await self._from_definition(reference, definition)

    async def _on_node(self, reference: Reference) -> Delegate:
        """A definition, else a file; when neither works the text has both causes (S28)."""
        cause: PlurimusError = ConfigError("no such definition")
        try:
            definition = await self._definition(reference)
            if definition is not None:
                return await self._from_definition(reference, definition)
        except PlurimusError as error:
            cause = error
        config = self._file(reference.name)
        if config is None:
            # without an answer of the cluster nobody knows yet that there is something to mend
            branch = ClusterError if isinstance(cause, ClusterError) else ConfigError
            raise branch(
                f"getNetDelegate: cannot find network: {reference.name}: neither as a definition in namespace "
                f"{reference.namespace} ({cause}) nor as a configuration in {self._netconf.conf_dir}"
            )
        return Delegate(config, config.name, is_default=reference.is_default).checked()

    async def _definition(self, reference: Reference) -> NetworkAttachmentDefinition | None:
        if self._cluster is None:
            return None
        return await self._cluster.get_definition(reference.namespace, reference.name)

    async def _from_definition(self, reference: Reference, definition: NetworkAttachmentDefinition) -> Delegate:
        resolve.check_allowed(reference, definition)
        try:
            config = self._config(definition)
        except ClusterError:
            raise
        except PlurimusError as error:
            raise error.about(f"network-attachment-definition {definition}: ") from None
        delegate = Delegate(
            config,
            str(definition),
            selection=reference.selection,
            resource_name=definition.resource_name,
            is_default=reference.is_default,
        )
        return delegate.checked()

    def _config(self, definition: NetworkAttachmentDefinition) -> NetworkConfig:
        if definition.config.strip():
            config = conf.remembered(
                definition.config, default_name=definition.name, list_version=self._netconf.cni_version
            )
            return limits.limited(config, self._netconf, str(definition))
        found = self._file(definition.name)
        if found is None:
            raise ConfigError(f"its config is empty, and {self._netconf.conf_dir} has no configuration of that name")
        return found

    def _file(self, name: str) -> NetworkConfig | None:
        """The configuration of that name on this node."""
        return self._confdir.find(self._netconf.conf_dir, name, list_version=self._netconf.cni_version)
