"""Numbers that a process keeps about itself: counters, gauges and histograms, with labels.

They cost the path of a request a few microseconds, whether anybody asks for them or not, and know nothing of who
asks: `core.measured` names all there are, `node.metrics` shows them.  They are for one thread, the event loop's.

Who writes definitions chooses some values of labels, so each metric tells 300 combinations apart and adds up what is
new after those, `(others)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

MOST = 300
"""Combinations of label values of one metric."""
OTHERS = "(others)"


class Metric(ABC):
    """One metric: its name, what it says, and the names of its labels."""

    kind: ClassVar[str]

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self.name = name
        self.text = text
        self.labels = labels

    @abstractmethod
    def values(self) -> Iterator[Any]:
        """What there is, for each combination of labels there has been; of the moment of the call."""


class _Number(Metric):
    def __init__(self, name: str, text: str, *labels: str) -> None:
        super().__init__(name, text, *labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def values(self) -> Iterator[tuple[tuple[str, ...], float]]:
        return iter(list(self._values.items()))

    def value(self, *labels: str) -> float:
        return self._values.get(labels, 0.0)

    def _told_apart(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        if labels in self._values or len(self._values) < MOST:
            return labels
        return (OTHERS,) * len(labels)


class Counter(_Number):
    """What only grows; its name ends in `_total`."""

    kind = "counter"

    def add(self, *labels: str, by: float = 1.0) -> None:
        labels = self._told_apart(labels)
        self._values[labels] = self._values.get(labels, 0.0) + by


class Gauge(_Number):
    """What is so at the moment; it may be read from whoever knows, when it is shown."""

    kind = "gauge"

    def __init__(self, name: str, text: str, *labels: str) -> None:
        super().__init__(name, text, *labels)
        self._read: Callable[[], float | Mapping[tuple[str, ...], float]] | None = None

    def set(self, value: float, *labels: str) -> None:
        """What is so now, of labels that there is a bound to: values of others would take each other's place."""
        self._values[self._told_apart(labels)] = value

    def add(self, by: float, *labels: str) -> None:
        if labels:
            labels = self._told_apart(labels)
        self._values[labels] = self._values.get(labels, 0.0) + by

    @contextmanager
    def raised(self, *labels: str) -> Iterator[None]:
        """One more for the block."""
        self.add(1, *labels)
        try:
            yield
        finally:
            self.add(-1, *labels)

    def read_from(self, read: Callable[[], float | Mapping[tuple[str, ...], float]]) -> None:
        """Have the value, or those of all labels, come from `read`, which must not fail, instead of from `set`."""
        self._read = read

    def values(self) -> Iterator[tuple[tuple[str, ...], float]]:
        if self._read is not None:
            read = self._read()
            self._values = {}
            for labels, value in read.items() if isinstance(read, Mapping) else [((), read)]:
                self.add(value, *labels)
        return super().values()


class Histogram(Metric):
    """How long things took, in seconds, counted by the upper `bounds` they stayed within."""

    kind = "histogram"

    def __init__(self, name: str, text: str, *labels: str, bounds: Sequence[float]) -> None:
        super().__init__(name, text, *labels)
        self.bounds = tuple(bounds)
        self._kept: dict[tuple[str, ...], list[float]] = {}
        """A count for each bound, one for what is above all of them, and the sum of all values."""

    def observe(self, seconds: float, *labels: str) -> None:
        kept = self._kept.get(labels)
        if kept is None:
            labels = labels if len(self._kept) < MOST else (OTHERS,) * len(labels)
            kept = self._kept.setdefault(labels, [0.0] * (len(self.bounds) + 2))
        kept[bisect_left(self.bounds, seconds)] += 1
        kept[-1] += seconds

    def values(self) -> Iterator[tuple[tuple[str, ...], list[float], float]]:
        """Label values, how many stayed within each bound and infinity, the sum."""
        for labels, kept in list(self._kept.items()):
            within, counts = 0.0, []
            for count in kept[:-1]:
                within += count
                counts.append(within)
            yield labels, counts, kept[-1]

    def count(self, *labels: str) -> float:
        """How many values there have been."""
        return sum(self._kept.get(labels, (0.0,))[:-1])
