"""What the commands about pods share: naming one, and what a runtime would say of it."""

from __future__ import annotations

from pathlib import Path

import click

from plurimus.adapters.manifests import ManifestFolder
from plurimus.cni.args import Pairs
from plurimus.cni.errors import ConfigError, RequestError
from plurimus.core.ports import Cluster
from plurimus.model.pod import Pod

MANIFESTS = click.option(
    "--manifests",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="The folder of YAML files that is the cluster.",
)


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
