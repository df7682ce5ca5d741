"""Counters, gauges and histograms; and that what is measured has names and words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plurimus
from plurimus.core import measured
from plurimus.core.metrics import MOST, OTHERS, Counter, Gauge, Histogram

BOUNDS = (0.1, 1.0, 10.0)


def test_a_counter_counts_each_combination_of_labels_by_itself() -> None:
    counter = Counter("a_total", "a", "verb", "code")
    counter.add("ADD", "0")
    counter.add("ADD", "0", by=2)
    counter.add("DEL", "0")
    assert dict(counter.values()) == {("ADD", "0"): 3.0, ("DEL", "0"): 1.0}
    assert counter.value("DEL", "11") == 0.0


def test_without_labels_there_is_a_value_from_the_start() -> None:
    assert dict(Counter("a_total", "a").values()) == dict(Gauge("a", "a").values()) == {(): 0.0}
    assert dict(Counter("a_total", "a", "verb").values()) == {}


def test_a_gauge_is_raised_for_a_block_however_that_ends() -> None:
    gauge = Gauge("a", "a")
    with suppress(ZeroDivisionError), gauge.raised(), gauge.raised():
        assert gauge.value() == 2.0
        raise ZeroDivisionError
    assert gauge.value() == 0.0


def test_a_gauge_may_be_read_from_who_knows() -> None:
    queue = ["a", "b"]
    gauge = Gauge("a", "a")
    gauge.read_from(lambda: len(queue))
    assert dict(gauge.values()) == {(): 2}
    queue.clear()
    assert dict(gauge.values()) == {(): 0}


def test_a_gauge_with_labels_has_those_that_who_knows_tells_of_now() -> None:
    sizes = {("a",): 1.0, ("b",): 2.0}
    gauge = Gauge("a", "a", "type")
    gauge.read_from(lambda: sizes)
    assert dict(gauge.values()) == sizes
    del sizes["a",]
    assert dict(gauge.values()) == {("b",): 2.0}
    sizes.update({(str(number),): 1.0 for number in range(2 * MOST)})
    assert len(dict(gauge.values())) == MOST + 1
    assert gauge.value(OTHERS) == MOST + 1


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_histogram_counts_what_stayed_within_each_bound(seconds: list[float]) -> None:
    histogram = Histogram("a", "a", "verb", bounds=BOUNDS)
    for each in seconds:
        histogram.observe(each, "ADD")
    found = list(histogram.values())
    if not seconds:
        assert found == []
        return
    ((labels, counts, total),) = found
    assert labels == ("ADD",)
    assert counts == [sum(each <= bound for each in seconds) for bound in (*BOUNDS, math.inf)]
    assert total == pytest.approx(sum(seconds))
    assert histogram.count("ADD") == len(seconds)


@pytest.mark.parametrize(
    ("metric", "count"),
    [
        pytest.param(metric := Counter("a_total", "a", "type", "by"), metric.add, id="counter"),
        pytest.param(gauge := Gauge("a", "a", "type", "by"), lambda *labels: gauge.add(1, *labels), id="gauge"),
        pytest.param(
            histogram := Histogram("a", "a", "type", "by", bounds=BOUNDS),
            lambda *labels: histogram.observe(0.5, *labels),
            id="histogram",
        ),
    ],
)
def test_no_metric_grows_without_bound(metric: Counter | Gauge | Histogram, count: Callable[..., None]) -> None:
    """Who writes definitions chooses types of plugins: what is new after 300 is counted as one."""
    for number in range(2 * MOST):
        count(f"type{number}", "driver")
    count("type0", "driver")
    found = {labels: rest for labels, *rest in metric.values()}
    assert len(found) == MOST + 1
    numbers = {labels: rest[0] if not isinstance(metric, Histogram) else rest[0][-1] for labels, rest in found.items()}
    assert numbers[OTHERS, OTHERS] == MOST
    assert numbers["type0", "driver"] == 2


def test_every_metric_has_a_name_of_its_own_by_the_rules_of_prometheus() -> None:
    names = [metric.name for metric in measured.ALL]
    assert len(set(names)) == len(names) > 10
    for metric in measured.ALL:
        assert re.fullmatch(r"(multus|plurimus)(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == isinstance(metric, Counter)
        assert metric.name.endswith("_seconds") == isinstance(metric, Histogram)
        assert metric.text
        assert not {"pod", "namespace", "container", "sandbox", "network", "interface"} & set(metric.labels)


def test_the_steps_that_code_takes_are_the_ones_with_words() -> None:
    """docs/reference/metrics.md has those of the table."""
    sources = (path.read_text() for path in Path(plurimus.__file__).parent.rglob("*.py"))
    taken = {
        name for text in sources for name in re.findall(r'"([a-z_]+)"', "".join(re.findall(r"\bstep\(.*\)", text)))
    }
    assert taken == set(measured.STEPS)
