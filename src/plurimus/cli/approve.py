"""`plurimus approve`: a controller of the cluster, beside the daemons of its nodes."""

from __future__ import annotations

import asyncio
import os
import signal

import click

from plurimus.adapters import kubeconfig, x509
from plurimus.adapters.apiserver import ApiServer
from plurimus.cli import lean  # noqa: F401 - before all that logs
from plurimus.cni.errors import ConfigError
from plurimus.core.config import parse
from plurimus.node import logs
from plurimus.node.approve import Approver

_TIMEOUT = 30.0


@click.command()
@click.option(
    "--kubeconfig",
    "path",
    default="",
    help="Where the API server is and who the approver is to it.  [default: the container's own identity]",
)
def approve(path: str) -> None:
    """Approve the certificate requests of nodes' daemons, deny those that ask for more, until SIGTERM.

    One runs in a cluster whose daemons have `perNodeCertificate`.
    """
    logs.configure(parse(b"{}").daemon)
    access = kubeconfig.find(path, os.environ)
    if access is None:
        raise ConfigError("there is no API server: this is no container of Kubernetes, and --kubeconfig names no file")
    asyncio.run(_run(ApiServer(access, timeout=_TIMEOUT)))


async def _run(api: ApiServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    approving = asyncio.create_task(Approver(api, x509.subject).run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((approving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if approving.done():
            approving.result()
    finally:
        for task in (approving, stopping):
            task.cancel()
        await asyncio.gather(approving, stopping, return_exceptions=True)
        await api.close()
