"""Options of a configuration that a driver does not know: a newer plugin may, so that attachment is its executable's.

A driver names the keys it knows, `Driver.keys`; those that every plugin may be given are known to all.  Keys match
without regard to case, as plugins read them.  One configuration is decided the same way for every verb, since what
decides is in the record of the attachment: neither what a runtime adds to a call, nor the plugin's own result.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from plurimus.core import measured
from plurimus.drivers.call import Driver

_COMMON = (
    "cniVersion", "name", "type", "capabilities", "args", "ipam", "dns", "runtimeConfig", "prevResult",
    "cniVersions", "disableCheck", "disableGC", "loadOnlyInlinedPlugins",
    "deviceID", "pciBusID",
)  # fmt: skip
"""The last two are put into every plugin of a network that has a device (F48)."""
_RESERVED = "cni.dev/"
_MOST = 500
_OTHERS = "(others)"


def unknown(driver: Driver, conf: Mapping[str, Any]) -> list[str]:
    """The keys of `conf` that `driver` does not know, as they are spelled there."""
    if not driver.keys:
        return []
    there = conf.get(driver.section) if driver.section else conf
    if not isinstance(there, dict) or there.keys() <= _known(driver.keys):
        return []
    known = _folded(driver.keys)
    return [key for key in there if key.casefold() not in known and not key.startswith(_RESERVED)]


class Unknown:
    """How many calls had which option that their driver did not know, and who carried them out.

    Who writes definitions chooses keys: the first 500 are told apart, the others counted as one for each type.
    """

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str, bool]] = Counter()

    def note(self, kind: str, key: str, *, executable: bool) -> bool:
        """Count a call with `key` to the plugin `kind`, done by its executable or by the driver; whether it is new."""
        measured.UNKNOWN_OPTIONS.add(kind, "executable" if executable else "driver")
        name = (kind, key, executable)
        if name not in self._calls and len(self._calls) >= _MOST:
            name = (kind, _OTHERS, executable)
        self._calls[name] += 1
        return self._calls[name] == 1

    def document(self) -> list[dict[str, Any]]:
        """The counts, as JSON."""
        return [
            {"type": kind, "key": key, "by": "executable" if executable else "driver", "calls": calls}
            for (kind, key, executable), calls in sorted(self._calls.items())
        ]


@functools.cache
def _known(keys: tuple[str, ...]) -> frozenset[str]:
    return frozenset((*_COMMON, *keys))


@functools.cache
def _folded(keys: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(str.casefold, _known(keys)))
