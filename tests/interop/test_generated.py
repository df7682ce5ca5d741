"""The node's CNI configuration as the real Multus makes it, and as ours does: of the same files, with the same keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni import conf
from plurimus.cni.errors import ConfigError
from plurimus.core import config, generate
from tests.unit.core import primaries

from .node import SharedNode

DIFFERENT = {"cniVersion", "type", "logLevel", "logToStderr", "overrideNetworkName"}
"""Theirs alone: the list has the version; our shim has another name, and logs nothing."""


@pytest.fixture(params=list(primaries.FILES))
def default(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A default network's file in a folder of its own."""
    path = tmp_path / request.param
    path.write_bytes(primaries.content(path.name))
    return path


def daemon_config(node: SharedNode) -> Path:
    """The file both daemons are configured by."""
    return node.multus.default.with_name("daemon-config.json")


def ours(node: SharedNode, default: Path) -> dict[str, Any]:
    """What our daemon makes of the same two files."""
    read = config.parse(daemon_config(node).read_bytes())
    made: dict[str, Any] = json.loads(generate.generate(read, conf.parse(default.read_bytes()), str(default)))
    return made


@pytest.mark.parametrize("keys", [{}, {"overrideNetworkName": True}, {"capabilities": {"bandwidth": True, "ips": True}},
                                  {"namespaceIsolation": True, "globalNamespaces": "a,b"}])  # fmt: skip
def test_the_same_keys_come_of_the_same_files(node: SharedNode, default: Path, keys: dict[str, Any]) -> None:
    """F65, F66, F68.  Spec section 7.6."""
    with node.multus.configured(multusAutoconfigDir=str(default.parent), cniVersion="0.3.1", **keys):
        theirs = json.loads(node.multus.generated.read_bytes())
        made = ours(node, default)
    (plugin,) = made.pop("plugins")
    assert plugin.pop("confDir") == str(node.confdir)  # ours alone: whoever reads the file finds the networks there
    assert {**made, **plugin} | {key: theirs[key] for key in DIFFERENT & set(theirs)} == theirs
    assert made["cniVersion"] == theirs["cniVersion"]


def test_a_default_network_too_old_for_the_version_is_refused_in_the_same_words(
    node: SharedNode, tmp_path: Path
) -> None:
    """F65.  Spec section 7.6."""
    default = tmp_path / primaries.FLANNEL
    default.write_bytes(primaries.content(primaries.FLANNEL))
    node.multus.stop()
    try:
        keys = {"cniVersion": "1.0.0", "multusAutoconfigDir": str(tmp_path), "cniConfigDir": str(tmp_path)}
        daemon_config(node).write_text(json.dumps(keys | {"logToStderr": True, "logLevel": "verbose"}))
        assert node.multus.launch({}).wait(60) == 2
        said = node.multus.log.read_text()
        with pytest.raises(ConfigError) as caught:
            ours(node, default)
    finally:
        node.multus.let_go()
    words = "delegate cni version is 0.3.1 while top level cni version is 1.0.0"
    assert words in said
    assert words in caught.value.msg
