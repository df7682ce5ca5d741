"""Types of plugins are names, wherever a configuration has one (found by the threat model's attacks).

An IPAM type that is a path was refused by ADD only once the plugin was called, and its DEL failed for ever.
"""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni import conf
from plurimus.cni.errors import ConfigError


@pytest.mark.parametrize("kind", ["../evil", "/bin/sh", "a/b", "..", ".", "a\0b"])
@pytest.mark.parametrize("place", [lambda kind: {"type": kind}, lambda kind: {"type": "x", "ipam": {"Type": kind}}])
@pytest.mark.parametrize("chained", [False, True])
def test_a_type_is_a_name_and_no_path(kind: str, place: Any, *, chained: bool) -> None:
    plugin = place(kind)
    document = {"cniVersion": "1.0.0", "name": "net", **({"plugins": [plugin]} if chained else plugin)}
    with pytest.raises(ConfigError, match="expected the name of an executable, not a path"):
        conf.parse(document)
