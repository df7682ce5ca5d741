"""What DEL and GC read of a configuration: no error in the rest of it is to keep anybody from deleting."""

from __future__ import annotations

from plurimus.cni import gojson
from plurimus.drivers.call import Call


def asks(call: Call, key: str) -> bool:
    """Whether a key of the configuration is set to anything, be it of the wrong type."""
    return bool(gojson.fold(call.conf, (key,)).get(key))
