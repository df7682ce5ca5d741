"""One CNI call in a process of its own, on a node without a daemon.

The steps are those of `node.request`, with the same record, cache and spool.  What a daemon has in memory is on disk
(locks), asked of the API server (pod and definitions), or done before the process ends (events, debts).

What only some calls need is imported when they need it: imports are most of what such a process does.

Decision 14; spec sections 1.6 and 6.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.adapters.spool import SpoolFiles
from plurimus.cni import result
from plurimus.cni.errors import ClusterError, ConfigError, PlurimusError, encode_error
from plurimus.core import config as files
from plurimus.core import netconf
from plurimus.core.config import ConfigFile
from plurimus.node import late, logs, tracing
from plurimus.node.accounts import accounted
from plurimus.node.context import Request
from plurimus.node.request import Requests
from plurimus.node.world import World, real_world

PAYING = 5.0
"""Seconds within which a call begins with what others left undone; what has begun may end."""
REST = 60.0
"""Seconds between two tries of that."""
_log = structlog.get_logger(__name__)


async def serve(request: Request, say: Callable[[bytes], None]) -> int:
    """Carry out `request`, print the answer by `say`, then do what comes behind it; the exit status."""
    try:
        stdin = netconf.decode(request.stdin)
        config = files.parse(request.stdin, what="the configuration on stdin")
        _log_as(config)
        merged = netconf.parse(stdin)
    except PlurimusError as error:
        say(encode_error(error))
        return 1
    cluster = late.find(config, merged.kubeconfig)
    world = real_world(config, cluster, cluster, None if cluster is None else cluster.pools)
    if cluster is not None:
        world = replace(world, check_node=cluster.check)
    # the file a daemon reads apart is what the runtime sent: nothing is laid over it
    requests = Requests(
        ConfigFile(config.daemon, config.daemon.implied if merged.definition_folders is None else {}, ()),
        world,
        FileLocks(Path(merged.cni_dir) / ".locks"),
    )
    traced = tracing.start()
    status = await _answer(requests, request, say)
    try:
        await _behind(requests, world, merged.cni_dir, owed=request.env.get("CNI_COMMAND") != "CHECK")
        if cluster is not None:
            await cluster.close()
        if traced is not None:
            await traced.close()
    except Exception:  # noqa: BLE001 - the runtime has its answer, and must not get another
        _log.exception("what comes behind the answer failed for a reason nobody foresaw")
    return status


def _log_as(config: ConfigFile) -> None:
    """Log where the configuration says; a file that cannot be opened keeps no pod from being deleted."""
    try:
        logs.configure(config.daemon, shared=True)
    except ConfigError as error:
        logs.configure(msgspec.structs.replace(config.daemon, log_file="", log_to_stderr=True))
        _log.warning("the log goes to standard error", error=str(error))


async def _answer(requests: Requests, request: Request, say: Callable[[bytes], None]) -> int:
    """SIGTERM cancels the call, which undoes what it did."""
    loop = asyncio.get_running_loop()
    handling = asyncio.ensure_future(_handled(requests, request))
    loop.add_signal_handler(signal.SIGTERM, handling.cancel)
    try:
        say(await handling)
    except PlurimusError as error:
        say(encode_error(error))
        return 1
    except asyncio.CancelledError:
        say(
            encode_error(
                ClusterError("the call was ended by SIGTERM, as a DEL of its sandbox does; what it had done is undone")
            )
        )
        return 1
    except Exception as error:  # noqa: BLE001 - a runtime must get a CNI error, whatever happens here
        say(encode_error(PlurimusError(f"internal error: {error!r}")))
        return 1
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    return 0


async def _handled(requests: Requests, request: Request) -> bytes:
    """What to print."""
    with accounted("/cni") as account:
        account.about(request.env)
        outcome = await requests.handle(request)
        return result.encode(outcome.result, outcome.cni_version) if outcome.result else b""


async def _behind(requests: Requests, world: World, cni_dir: str, *, owed: bool) -> None:
    """Try the DELs that are `owed` here: what no call could carry out, and what a shim left for a daemon."""
    await asyncio.sleep(0)  # an ADD tells the pod what it got right behind its answer
    spool = SpoolFiles(Path(cni_dir) / ".spool")
    try:
        if not owed or not spool.pending() or not spool.claim(REST, now=time.time()):
            return
        from plurimus.node.recovery import Debts

        if left := await Debts(world.spool, requests, time.monotonic).pay(within=PAYING):
            _log.warning("DELs are owed on this node; a later call goes on", left=left)
        else:
            spool.disclaim()
    except PlurimusError as error:
        _log.error("the spool cannot be used", error=str(error))
