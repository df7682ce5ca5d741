"""What host-local and static read in the same way: CNI_ARGS, the addresses a pod asks for, routes.

Texts of errors are the plugins', but for values, and their code 999.

Plugins spec sections 0.3, 13 and 14.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec

from plurimus.cni import result, version
from plurimus.cni.args import Pairs
from plurimus.cni.errors import Code, ConfigError, RequestError
from plurimus.cni.result import Route

_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


class IPArgs(msgspec.Struct, frozen=True):
    ips: tuple[str, ...] = ()


class Args(msgspec.Struct, frozen=True):
    """`args` of a configuration."""

    cni: IPArgs = IPArgs()


def read(pairs: Pairs, known: Iterable[str]) -> dict[str, str]:
    """The values of the `known` keys of CNI_ARGS, which match with regard to case.

    Raises:
        RequestError: code 999; there are other keys, and no IgnoreUnknown.  Their values may be secrets.
    """
    values = {key: value for key, value in pairs if key in known}
    ignore = False
    for key, value in pairs:
        if key == "IgnoreUnknown":
            if value.lower() not in _BOOLEANS:
                raise wrong_value(key, "boolean unmarshal error: invalid input")
            ignore = _BOOLEANS[value.lower()]
    unknown = [] if ignore else [key for key, _ in pairs if key not in (*known, "IgnoreUnknown")]
    if unknown:
        listed = " ".join(json.dumps(each, ensure_ascii=False) for each in unknown)
        raise RequestError(f"ARGS: unknown args [{listed}]", code=Code.INTERNAL)
    return values


def wrong_value(key: str, problem: str) -> RequestError:
    """What is said of a value in CNI_ARGS that cannot be read, without the value: it may be a secret."""
    return RequestError(f"ARGS: error parsing value of {key}: {problem}", code=Code.INTERNAL)


def routes(given: Sequence[Route]) -> tuple[Route, ...]:
    """The routes of a configuration, with addresses in their one spelling.

    Raises:
        ValueError: which address is wrong.
    """
    return tuple(msgspec.structs.replace(each, dst=_dst(each.dst), gw=_gw(each.gw)) for each in given)


def check_number(cni_version: str, versions: Sequence[int]) -> None:
    """See that results of `cni_version` can have an address of each of the families `versions`.

    Raises:
        ConfigError: code 999; before 0.3.0 there is one of each.
    """
    if len(set(versions)) < len(versions) and version.parse(cni_version) < (0, 3, 0):
        raise ConfigError(
            f"CNI version {cni_version} does not support more than 1 address per family", code=Code.INTERNAL
        )


def _dst(text: str) -> str:
    try:
        return result.canonical_cidr(text)
    except ValueError as error:
        raise ValueError(f"invalid CIDR address: {text}") from error


def _gw(text: str) -> str:
    try:
        return result.canonical_ip(text)
    except ValueError as error:
        raise ValueError(f"invalid IP address: {text}") from error
