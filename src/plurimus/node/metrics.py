"""`/metrics`: what `core.measured` has, in the formats of Prometheus, and what Linux says of the process.

prometheus_client writes the text.  It is imported once somebody asks, since it takes 3 MiB, and works in a thread,
since a node with many plugin types has thousands of lines.  Where the configuration has `metricsPort`, the answer is
for everybody who reaches that port: it names no pod, and nothing that is secret.

Spec section 7.9; decision 26.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import structlog

from plurimus.core import measured
from plurimus.core.metrics import Counter, Histogram
from plurimus.node import message
from plurimus.node.connection import Asked, Connection
from plurimus.node.message import Answer
from plurimus.version import VERSION

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PATH = "/metrics"
METHODS = ("GET", "HEAD")
MOST_CONNECTIONS = 16
"""On the port, at a time; a scraper needs one."""
_PAUSE = 10.0
"""Seconds until it is tried again to listen on a port that another program has."""
_UNDER_WAY = 5.0
_log = structlog.get_logger(__name__)


async def answer(asked: Asked) -> Answer:
    """All metrics, as `asked` accepts them."""
    return await asyncio.to_thread(_written, asked.headers.get(b"accept", b"").decode("latin-1"), Copied())


def import_ahead() -> None:
    """Import what the first answer needs, where it is known that there will be one."""
    import prometheus_client  # noqa: F401


class Copied:
    """The values of now, as prometheus_client collects them; made where they change, read anywhere."""

    def __init__(self) -> None:
        measured.BUILD.set(1, VERSION)
        self._copies = [(metric, list(metric.values())) for metric in measured.ALL]

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        family: Metric
        for metric, values in self._copies:
            if isinstance(metric, Histogram):
                family = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
                bounds = [*(str(float(bound)) for bound in metric.bounds), "+Inf"]
                for labels, counts, total in values:
                    family.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
            else:
                made = CounterMetricFamily if isinstance(metric, Counter) else GaugeMetricFamily
                family = made(metric.name, metric.text, labels=metric.labels)
                for labels, value in values:
                    family.add_metric(labels, value)
            yield family


def _written(accept: str, copied: Copied) -> Answer:
    from prometheus_client import CollectorRegistry, ProcessCollector
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(copied)
    ProcessCollector(registry=registry)
    encode, kind = choose_encoder(accept)
    return Answer(body=encode(registry), headers={"Content-Type": kind})


async def serve(address: str, port: int, *, pause: float = _PAUSE) -> None:
    """Answer on TCP `port` of `address`, all addresses where that is empty, until cancelled.

    A port that another program has is no reason to keep pods waiting: it is logged, and tried again every `pause`
    seconds.
    """
    opened: set[Connection] = set()
    listener = await _listening(address, port, pause)
    server = await asyncio.get_running_loop().create_server(lambda: _connection(opened), sock=listener)
    _log.info("metrics", address=listener.getsockname()[0], port=port)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for connection in list(opened):
            connection.abort()


def _connection(opened: set[Connection]) -> Connection:
    """One connection; where there are too many, the oldest ends."""
    if len(opened) >= MOST_CONNECTIONS:
        min(opened, key=lambda connection: connection.since).abort()
    return Connection(_answer, opened, under_way=_UNDER_WAY, for_root=False, most_body=0)


async def _answer(asked: Asked) -> Answer:
    if asked.path != PATH:
        return message.text(404, f"no such path; metrics are at {PATH}\n")
    if asked.method not in METHODS:
        return message.text(405, "no such method\n", Allow=", ".join(METHODS))
    if asked.body is None:
        return message.text(413, "a request for metrics has no body\n")
    return await answer(asked)


async def _listening(address: str, port: int, pause: float) -> socket.socket:
    said = False
    while True:
        try:
            return _bound(address, port)
        except OSError as error:
            if not said:
                _log.error("metricsPort: cannot listen; trying again", address=address, port=port, error=error.strerror)
            said = True
        await asyncio.sleep(pause)


def _bound(address: str, port: int) -> socket.socket:
    """A socket that listens; on all addresses it is one for IPv6 and IPv4, or for IPv4 where there is no other."""
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=MOST_CONNECTIONS)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=MOST_CONNECTIONS)
    return socket.create_server(("", port), backlog=MOST_CONNECTIONS)
