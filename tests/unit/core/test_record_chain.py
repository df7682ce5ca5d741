"""Scratch files of Multus 4.3 with a list that was given by path: `Bytes` has only what every plugin has."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from plurimus.core import record
from plurimus.core.plan import Attachment

from .builders import CONTAINER

PLUGINS = [{"type": "bridge", "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}}, {"type": "own", "key": 7}]


def text(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def element(**keys: Any) -> dict[str, Any]:
    summary = [{"type": "bridge", "ipam": {"type": "host-local"}}, {"type": "own", "ipam": {}}]
    lossy = {"cniVersion": "1.0.0", "name": "cbr0", "plugins": summary}
    plugins = [{"Network": small, "Bytes": text(whole)} for small, whole in zip(summary, PLUGINS, strict=True)]
    switches = {"DisableCheck": False, "DisableGC": False, "LoadOnlyInlinedPlugins": False}
    chain = {"Name": "cbr0", "CNIVersion": "1.0.0", "Plugins": plugins, "Bytes": text({}), **switches}
    return {"Conf": {"ipam": {}}, "ConfList": lossy, "CNINetworkConfigList": chain | keys, "Bytes": text(lossy)}


def read(written: dict[str, Any]) -> Attachment:
    (attachment,) = record.decode(json.dumps([written]).encode(), container_id=CONTAINER).attachments
    return attachment


def test_a_list_given_by_path_is_read_whole() -> None:
    """F13, F16.  Spec section 6.4."""
    config = read(element()).config
    assert (config.name, config.cni_version, config.single) == ("cbr0", "1.0.0", False)
    assert list(config.plugins) == PLUGINS


@pytest.mark.parametrize("disabled", [True, False])
def test_its_switches_are_read(*, disabled: bool) -> None:
    """F10."""
    config = read(element(DisableCheck=disabled, DisableGC=not disabled)).config
    assert (config.disable_check, config.disable_gc) == (disabled, not disabled)


@pytest.mark.parametrize("plugins", [None, []])
def test_any_other_delegate_is_in_bytes(plugins: object) -> None:
    """F13."""
    nothing = {"Name": "", "CNIVersion": "", "Plugins": plugins, "Bytes": None}
    assert read(element(**nothing)).config.types == ("bridge", "own")
    assert "subnet" not in str(read(element(**nothing)).config.plugins)


@pytest.mark.parametrize("plugins", [[{}], [{"Bytes": "?"}], [{"Bytes": text([])}], [{"Bytes": text({})}], {}, ["x"]])
def test_a_malformed_list_makes_the_record_unreadable(plugins: object) -> None:
    """S6: the result cache takes its place."""
    with pytest.raises(ValueError, match=r"."):
        read(element(Plugins=plugins))
