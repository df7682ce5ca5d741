"""What a configuration of `tuning` asks for, checked before anything is touched.

Beyond the plugin: kernel parameters are checked before any is set, `args.cni.sysctl` needs no `sysctl` beside it, a MAC
of another length than the interface's, an MTU and a queue no interface can have are refused.

Plugins spec section 10.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from plurimus.cni import args, macs
from plurimus.cni.errors import ConfigError, PlurimusError, RequestError
from plurimus.drivers.call import Call

KEYS = ("sysctl", "mac", "promisc", "mtu", "allmulti", "txQLen", "dataDir")
DATA_DIR = "/run/cni/tuning"
_PARAMETERS = "/proc/sys"
_ROOT = f"{_PARAMETERS}/net/"
_MOST_MTU, _MOST_QUEUE = 2**31 - 1, 2**32 - 1
_MOST_KEY = 256
"""Characters of a kernel parameter's name, far more than any has: the patterns of the node's list are tried on it."""


class _Asked(msgspec.Struct, frozen=True):
    """`args.cni`: what a pod asks for; a key that is there counts, whatever its value."""

    sysctl: dict[str, str] | None = None
    mac: str | None = None
    promisc: bool | None = None
    mtu: int | None = None
    allmulti: bool | None = None
    txqlen: int | None = msgspec.field(default=None, name="txQLen")


class _Arguments(msgspec.Struct, frozen=True):
    cni: _Asked = _Asked()


class _Runtime(msgspec.Struct, frozen=True):
    mac: str = ""


class _Keys(msgspec.Struct, frozen=True):
    sysctl: dict[str, str] = {}
    mac: str = ""
    promisc: bool = False
    mtu: int = 0
    allmulti: bool | None = None
    txqlen: int | None = msgspec.field(default=None, name="txQLen")
    runtime_config: _Runtime = msgspec.field(default=_Runtime(), name="runtimeConfig")
    args: _Arguments = _Arguments()


ORDER = ("mac", "promisc", "mtu", "allmulti", "txQLen")
"""The attributes of an interface, in the order they are set, and written to disk."""

Attributes = Mapping[str, str | int | bool]
"""Values by their names in `ORDER`, only of those that are asked for, or were saved."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`parameters` is what to set, by its path; `keys` are those as they are written in the configuration."""

    wanted: Attributes = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()


def read(call: Call) -> Settings:
    """The settings of an ADD or CHECK.

    Raises:
        ConfigError: the network, the key, and what it may be.
        RequestError: it is what the pod asks for that cannot be.
    """
    args.check_ifname(call.ifname)
    keys = call.settings(_Keys)
    asked = keys.args.cni
    subject = f"network configuration {call.network!r}"
    sysctl = {**keys.sysctl, **(asked.sysctl or {})}
    if _is_repeated(call, keys.sysctl):
        raise ConfigError(f"{subject}: 'sysctl' has a key twice, of which one value would be lost")
    given = (
        _mac(keys, call, subject),
        (keys.promisc if asked.promisc is None else asked.promisc) or None,
        _number(subject, "mtu", keys.mtu, asked.mtu, _MOST_MTU) or None,
        keys.allmulti if asked.allmulti is None else asked.allmulti,
        _number(subject, "txQLen", keys.txqlen, asked.txqlen, _MOST_QUEUE),
    )
    wanted = {key: value for key, value in zip(ORDER, given, strict=True) if value is not None}
    parameters: dict[str, str] = {}
    for key, value in sysctl.items():
        error = RequestError if key in (asked.sysctl or {}) else ConfigError
        parameters[_path(subject, key, call.ifname, error)] = value
    return Settings(wanted, parameters, tuple(sysctl))


def data_dir(call: Call) -> str:
    """The folder of what interfaces were.

    Raises:
        ConfigError: it is no absolute path.
    """
    given = next((value for key, value in call.conf.items() if key.casefold() == "datadir"), None) or DATA_DIR
    if not isinstance(given, str) or not given.startswith("/") or "\0" in given:
        raise ConfigError(f"network configuration {call.network!r}: 'dataDir' is {given!r}, expected an absolute path")
    return given


def _mac(keys: _Keys, call: Call, subject: str) -> str | None:
    """The MAC as it is spelled: by `args.cni`, by the capability, by CNI_ARGS, by the configuration."""
    asked = keys.runtime_config.mac or dict(call.args).get("MAC", "")
    given = keys.args.cni.mac if keys.args.cni.mac is not None else asked or keys.mac
    if not given:
        return None
    try:
        macs.packed(given, macs.called(given, keys.mac))
    except ValueError as error:
        raise (RequestError if given != keys.mac else ConfigError)(f"{subject}: {error}") from error
    return given


def _number(subject: str, key: str, configured: int | None, asked: int | None, most: int) -> int | None:
    value = configured if asked is None else asked
    if value is not None and not 0 <= value <= most:
        error = ConfigError if asked is None else RequestError
        raise error(f"{subject}: {key!r} is {value}, expected 0 to {most}")
    return value


def _path(subject: str, key: str, ifname: str, error: type[PlurimusError]) -> str:
    """The file of a kernel parameter; dots are slashes, but those in the name of the interface, by `IFNAME`."""
    if len(key) > _MOST_KEY:
        raise error(
            f"{subject}: {key[:40] + '...'!r} in 'sysctl' has {len(key)} characters, expected up to {_MOST_KEY}"
        )
    written = key.replace(".", "/").replace("IFNAME", ifname, 1)
    path = posixpath.normpath(f"{_PARAMETERS}/{written}")
    if "\0" in key or not path.startswith(_ROOT):
        raise error(
            f"{subject}: {key!r} in 'sysctl' is no kernel parameter of a network namespace, which begin with 'net.'"
        )
    return path


def _is_repeated(call: Call, keys: Iterable[str]) -> bool:
    """Whether the text of the configuration has a key of `sysctl` twice, which decoding does not tell."""
    if b"\\u" not in call.stdin and all(call.stdin.count(f'"{key}"'.encode()) < 2 for key in keys):
        return False
    top = json.loads(call.stdin, object_pairs_hook=_Object)
    found = [value for key, value in top.items() if key.casefold() == "sysctl"]
    return any(isinstance(each, _Object) and each.repeated for each in found)


class _Object(dict[str, object]):
    def __init__(self, pairs: Sequence[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.repeated = len(self) < len(pairs)
