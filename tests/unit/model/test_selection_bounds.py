"""A pod's annotation has its bounds: one pod must not take the node from all others."""

from __future__ import annotations

import json

import pytest

from plurimus.cni.errors import RequestError
from plurimus.model import selection


@pytest.mark.parametrize("write", [",".join, lambda names: json.dumps([{"name": name} for name in names])])
def test_a_pod_has_so_many_networks(write) -> None:
    assert len(selection.parse(write(["net"] * 256), namespace="ns")) == 256
    with pytest.raises(RequestError, match="257 networks for one pod, expected up to 256"):
        selection.parse(write(["net"] * 257), namespace="ns")


@pytest.mark.parametrize("text", ["a" * 300_000, "[" * 300_000, '[{"name": "' + "a" * 300_000 + '"}]'])
def test_an_annotation_has_so_many_characters(text: str) -> None:
    with pytest.raises(RequestError, match="longer than 262144 characters"):
        selection.parse(text, namespace="ns")


@pytest.mark.parametrize("text", ["A" * 200_000, "a@" + "b" * 200_000, json.dumps([{"name": "A" * 200_000}])])
def test_an_error_quotes_no_more_of_it_than_one_reads(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        selection.parse(text, namespace="ns")
    assert len(refused.value.msg) < 1200


@pytest.mark.parametrize("brackets", [201, 100_000])
def test_nesting_is_bounded(brackets: int) -> None:
    deep = "[" * brackets + "]" * brackets
    with pytest.raises(RequestError, match="no valid JSON: the JSON nests"):
        selection.parse(f'[{{"name": "a", "cni-args": {{"x": {deep}}}}}]', namespace="ns")
