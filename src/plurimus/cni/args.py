"""What a runtime hands to a plugin beside the configuration: environment and CNI_ARGS.

CNI spec, "Parameters"; spec sections 1.2, 4.7 and 6.1.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plurimus.cni.errors import Code, RequestError

VERBS = ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")
_OF_A_SANDBOX = ("ADD", "DEL", "CHECK")

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_REQUIRED = {
    "ADD": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"),
    "CHECK": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"),
    "DEL": ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"),
    "GC": ("CNI_PATH",),
    "STATUS": ("CNI_PATH",),
}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """The CNI_* variables of one request, checked for its verb.

    GC, STATUS and VERSION concern no sandbox: of theirs only the path is read.
    """

    verb: str
    container_id: str = ""
    netns: str = ""
    ifname: str = ""
    args: Pairs = ()
    path: tuple[str, ...] = ()
    netns_override: bool = False


def parse_environment(env: Mapping[str, str], *, defaults: Mapping[str, str] | None = None) -> Environment:
    """Check the variables of a request.

    `defaults` fills what is missing before the check (the daemon takes CNI_IFNAME `eth0` and needs no
    CNI_PATH).

    Raises:
        RequestError: code 4; all missing variables are named in one message.
    """
    env = {**(defaults or {}), **{key: value for key, value in env.items() if value}}
    verb = env.get("CNI_COMMAND", "")
    if verb not in VERBS:
        raise _invalid(f"unknown CNI_COMMAND: {verb!r}" if verb else "required env variables [CNI_COMMAND] missing")
    missing = [name for name in _REQUIRED.get(verb, ()) if name not in env]
    if missing:
        raise _invalid(f"required env variables [{','.join(missing)}] missing")
    if "\0" in "".join(env.values()):
        raise _invalid("an environment variable has a NUL character")
    path = tuple(filter(None, env.get("CNI_PATH", "").split(":")))
    if verb not in _OF_A_SANDBOX:
        return Environment(verb, path=path)
    container_id, ifname = check_container_id(env["CNI_CONTAINERID"]), check_ifname(env["CNI_IFNAME"])
    return Environment(
        verb=verb,
        container_id=container_id,
        netns=env.get("CNI_NETNS", ""),
        ifname=ifname,
        args=parse_args(env.get("CNI_ARGS", "")),
        path=path,
        netns_override=env.get("CNI_NETNS_OVERRIDE", "").lower() in ("1", "true"),
    )


def check_container_id(container_id: str) -> str:
    """`container_id`, if the CNI specification allows it (it becomes a file name)."""
    if not _NAME.fullmatch(container_id):
        raise _invalid(f"invalid characters in containerID: {container_id!r}")
    return container_id


def is_network_name(name: str) -> bool:
    """Whether `name` is a network name; the rule is the same as for container IDs."""
    return _NAME.fullmatch(name) is not None


def check_ifname(name: str) -> str:
    """`name`, if the kernel takes it as the name of an interface."""
    problem = ifname_problem(name)
    if problem:
        raise _invalid(f"interface name {name!r} {problem}")
    return name


def ifname_problem(name: str) -> str:
    """What keeps the kernel from taking `name` for an interface; empty if nothing does."""
    if not name:
        return "is empty"
    if len(name.encode(errors="replace")) > 15:
        return "is longer than 15 bytes"
    if name in (".", ".."):
        return "is . or .."
    if "/" in name or ":" in name or "\0" in name or name.split() != [name]:
        return "contains / or : or white space"
    if "%" in name:
        return "contains %, by which the kernel would make a name of its own"
    return ""


@functools.lru_cache(maxsize=64)
def parse_args(text: str) -> Pairs:
    """CNI_ARGS, `K=V;K=V`, as pairs in the order given.

    Raises:
        RequestError: code 4; a pair has no key, or not exactly one `=` (the reference library, which
            reads the same text in most plugins, refuses it too).  Its value is not told: it may be a secret.
    """
    pairs: list[tuple[str, str]] = []
    for item in text.split(";") if text else ():
        key, equals, value = item.partition("=")
        if not equals or not key or "=" in value:
            which = f"{key!r} (number {len(pairs) + 1})" if equals and key else f"number {len(pairs) + 1}"
            raise _invalid(f"ARGS: invalid pair {which}, expected KEY=VALUE with one =")
        pairs.append((key, value))
    return tuple(pairs)


def format_args(pairs: Iterable[tuple[str, str]]) -> str:
    """The pairs as CNI_ARGS."""
    return ";".join([f"{key}={value}" for key, value in pairs])


def merge_args(first: Iterable[tuple[str, str]], more: Iterable[tuple[str, str]]) -> Pairs:
    """`first`, then what `more` adds; each key once, a pair of `more` fills an empty value (S36)."""
    merged: dict[str, str] = {}
    for key, value in (*first, *more):
        if not merged.get(key):
            merged[key] = value
    return tuple(merged.items())


def _invalid(msg: str) -> RequestError:
    return RequestError(msg, code=Code.INVALID_ENVIRONMENT)
