"""Device-information files of version 1.x (F42)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.model import deviceinfo
from plurimus.model.deviceinfo import BLOCKS, DeviceInfo

PCI = {"pci-address": "0000:18:02.5", "pf-pci-address": "0000:18:00.0", "rdma-device": "mlx5_3"}


def read(**document: Any) -> DeviceInfo:
    return deviceinfo.parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("kind", "block"),
    [
        ("pci", PCI),
        ("vdpa", {"parent-device": "vdpa1", "driver": "vhost", "path": "/dev/vhost-vdpa1"}),
        ("vhost-user", {"mode": "client", "path": "/run/vhost.sock"}),
        ("memif", {"role": "master", "path": "/run/memif.sock", "mode": "ethernet"}),
    ],
)
def test_every_type_is_read_and_written_as_it_was(kind: str, block: dict[str, str]) -> None:
    """Device information specification 1.1, "Device types"."""
    info = read(version="1.1.0", type=kind, **{kind: block})
    assert info.block(kind) == block
    assert json.loads(info.encode()) == {"type": kind, "version": "1.1.0", kind: block}


def test_keys_are_written_in_the_order_of_the_specification() -> None:
    """As other programs print them."""
    info = read(
        pci={"rdma-device": "mlx5_3", "pci-address": "0000:18:02.5", "vhost-net": "<x>"}, version="1.1.0", type="pci"
    )
    assert info.encode().decode() == (
        '{"type":"pci","version":"1.1.0","pci":'
        '{"pci-address":"0000:18:02.5","vhost-net":"\\u003cx\\u003e","rdma-device":"mlx5_3"}}'
    )


def test_what_a_later_version_adds_is_kept_behind_what_is_known() -> None:
    info = read(zeta={"b": 1, "a": [2]}, version="1.7.3", pci={"new": True, "pci-address": "a"}, type="pci")
    assert info.encode().decode() == (
        '{"type":"pci","version":"1.7.3","pci":{"pci-address":"a","new":true},"zeta":{"a":[2],"b":1}}'
    )


def test_keys_are_known_in_any_case_and_empty_ones_are_left_out() -> None:
    """Section 0, rules 1 and 2."""
    info = read(Type="pci", VERSION=None, PCI={"PCI-Address": "a", "rdma-device": "", "vhost-net": None})
    assert info.document == {"type": "pci", "pci": {"pci-address": "a"}}


def test_a_block_is_laid_over_what_is_there() -> None:
    info = read(type="pci", pci={"pci-address": "a", "rdma-device": "old"}).with_block("pci", {"rdma-device": "new"})
    assert info.with_block("rdma", {"gid-index": 3}).document == {
        "type": "pci",
        "pci": {"pci-address": "a", "rdma-device": "new"},
        "rdma": {"gid-index": 3},
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "expected a JSON object, got a list"),
        ("{", "Expecting"),
        ('{"type": 1}', "'type' is a number, expected a string"),
        ('{"version": "2.0.0"}', "'version' is '2.0.0', expected 1.0.0 or a later one below 2"),
        ('{"version": 1.1}', "'version' is a number"),
        ('{"type": "pci"}', "'type' is 'pci', but there is no 'pci'"),
        ('{"type": "pci", "pci": []}', "'pci': expected a JSON object, got a list"),
        ('{"type": "pci", "pci": {"pci-address": 5}}', "'pci-address' of 'pci' is a number, expected a string"),
    ],
)
def test_what_is_no_device_information_is_refused(content: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("'", ".").replace("[", ".")):
        deviceinfo.parse(content.encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["type", "Version", "pci-address", "rdma-device", "path", "mode", *BLOCKS]) | st.text(max_size=3)


@given(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=4) | VALUES)
def test_whatever_a_file_holds_it_is_refused_or_written_so_that_it_is_read_the_same(document: Any) -> None:
    try:
        info = deviceinfo.parse(json.dumps(document).encode())
    except ValueError:
        return
    assert list(deviceinfo.parse(info.encode()).document.items()) == list(info.document.items())


@given(st.binary(max_size=30))
def test_bytes_of_any_kind_raise_nothing_but_that_they_are_refused(content: bytes) -> None:
    with suppress(ValueError):
        deviceinfo.parse(content)
