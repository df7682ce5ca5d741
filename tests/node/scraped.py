"""What a daemon answers to somebody who scrapes its metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from .process import Daemon

Samples = dict[tuple[str, ...], float]


def samples(text: str) -> Samples:
    """Each value by its name and, sorted, what its labels say."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(daemon: Daemon) -> Samples:
    """All samples of now, by the daemon's socket."""
    return samples(daemon.answer("/metrics").decode())
