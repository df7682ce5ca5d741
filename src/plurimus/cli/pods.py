"""What the commands about pods share: naming one, and what a runtime would say of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from plurimus.adapters.manifests import ManifestFolder
from plurimus.cni.args import Pairs
from plurimus.cni.errors import ConfigError, RequestError
from plurimus.core import netconf
from plurimus.core.config import ConfigFile
from plurimus.core.netconf import NetConf
from plurimus.core.ports import Cluster
from plurimus.model.pod import Pod
from plurimus.node import cnisource
from plurimus.node import daemon as node

MANIFESTS = click.option(
    "--manifests",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="The folder of YAML files that is the cluster.",
)


CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=node.DEFAULT_CONFIG,
    show_default=True,
    help="The daemon's configuration file, which names the cluster.",
)


def configured(config: Path) -> tuple[ConfigFile, NetConf]:
    """The daemon's file at `config`, and what a request is carried out by on that node.

    Raises:
        ConfigError: a file cannot be read.
    """
    loaded = node.load(config)
    handed_over = cnisource.handed_over(loaded)
    # on a node without a daemon the runtime's configuration is where the cluster is named
    known = {key: value for key, value in handed_over.items() if key == "kubeconfig"} | loaded.overlay
    return replace(loaded, overlay=known), netconf.parse(handed_over, overlay=loaded.overlay)


def no_cluster(config: Path) -> ConfigError:
    return ConfigError(f"{config}: neither 'manifests' nor 'kubeconfig' names a cluster that has pods")


async def find(cluster: Cluster, text: str) -> Pod:
    """The pod called `text`, `[namespace/]name`; without a namespace it is `default`.

    Raises:
        RequestError: there is none; the message lists those there are in a folder.
    """
    namespace, _, name = text.rpartition("/")
    pod = await cluster.get_pod(namespace or "default", name)
    if pod is None:
        there = f"; there are: {_listed(cluster)}" if isinstance(cluster, ManifestFolder) else ""
        raise RequestError(f"no pod {namespace or 'default'}/{name} in the cluster{there}")
    return pod


def _listed(cluster: ManifestFolder) -> str:
    return ", ".join(str(pod) for pod in cluster.pods()) or "none"


def runtime_args(pod: Pod, container_id: str) -> Pairs:
    """CNI_ARGS as a container runtime of Kubernetes sends them."""
    return (
        ("IgnoreUnknown", "1"),
        ("K8S_POD_NAMESPACE", pod.namespace),
        ("K8S_POD_NAME", pod.name),
        ("K8S_POD_INFRA_CONTAINER_ID", container_id),
        ("K8S_POD_UID", pod.uid),
    )


def read(path: Path) -> bytes:
    """The content of a file the user named."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
