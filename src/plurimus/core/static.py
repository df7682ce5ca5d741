"""What a configuration of the IPAM plugin static, and CNI_ARGS, come to.

Plugins spec section 13.
"""

from __future__ import annotations

import ipaddress

import msgspec

from plurimus.cni import result
from plurimus.cni.args import Pairs
from plurimus.cni.errors import Code, ConfigError
from plurimus.cni.result import DNS, IPConfig, Result, Route
from plurimus.core import ipamargs


class _Address(msgspec.Struct, frozen=True):
    address: str = ""
    gateway: str = ""


class Ipam(msgspec.Struct, frozen=True):
    addresses: tuple[_Address, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = DNS()


class Conf(msgspec.Struct, frozen=True):
    """The keys of a network configuration that say something to static."""

    ipam: Ipam | None = None
    runtime_config: ipamargs.IPArgs = msgspec.field(default=ipamargs.IPArgs(), name="runtimeConfig")
    args: ipamargs.Args = ipamargs.Args()


def made(conf: Conf, pairs: Pairs, cni_version: str) -> Result:
    """The addresses of the configuration and of CNI_ARGS; those the pod asked for take their place.

    Raises:
        ConfigError: code 999, what is wrong with the configuration.
        RequestError: code 999, what is wrong with CNI_ARGS.
    """
    ipam = conf.ipam
    if ipam is None:
        raise ConfigError("IPAM config missing 'ipam' key", code=Code.INTERNAL)
    values = ipamargs.read(pairs, ("IP", "GATEWAY"))
    ips = _asked(values.get("IP", ""), values.get("GATEWAY", ""))
    instead = conf.runtime_config.ips or conf.args.cni.ips
    try:
        every = [IPConfig(_prefixed(text, _IN_IPS)) for text in (*conf.args.cni.ips, *conf.runtime_config.ips)]
        configured = [_configured(each) for each in ipam.addresses] if not instead else []
        ips = every[-len(instead) :] if instead else [*configured, *ips]
        routes = ipamargs.routes(ipam.routes)
    except ValueError as error:
        raise ConfigError(str(error), code=Code.INTERNAL) from error
    ipamargs.check_number(cni_version, [ipaddress.ip_interface(each.address).version for each in ips])
    return Result(ips=tuple(ips), routes=routes, dns=ipam.dns)


def difference(wanted: Result, found: Result) -> str:
    """The address that was told with another gateway than the one it is to have; empty for none.

    One that was not told, or has no gateway in the configuration, is no difference.
    """
    for each in wanted.ips:
        ip = each.address.partition("/")[0]
        told = [other.gateway for other in found.ips if other.address.partition("/")[0] == ip]
        if each.gateway and told and told[0] != each.gateway:
            return ip
    return ""


_IN_IPS = "an entry in the 'ips' field is NOT in CIDR notation"


def _asked(ip: str, gateway: str) -> list[IPConfig]:
    """The addresses of CNI_ARGS, each with the last of the gateways that are in its network.

    Raises:
        RequestError: one is none; what it is instead may be a secret.
    """
    try:
        ips = [IPConfig(result.canonical_cidr(text.strip())) for text in ip.split(",")] if ip else []
    except ValueError as error:
        raise ipamargs.wrong_value("IP", "it is expected to be in CIDR notation") from error
    try:
        gateways = [result.canonical_ip(text.strip()) for text in gateway.split(",")]
    except ValueError as error:
        raise ipamargs.wrong_value("GATEWAY", "invalid gateway address") from error
    for address in gateways:
        for at, each in enumerate(ips):
            if address and ipaddress.ip_address(address) in ipaddress.ip_interface(each.address).network:
                ips[at] = msgspec.structs.replace(each, gateway=address)
    return ips


def _configured(each: _Address) -> IPConfig:
    address = _prefixed(each.address, "the 'address' field is expected to be in CIDR notation")
    return IPConfig(address, gateway=_gateway(each.gateway, f"invalid IP address: {each.gateway}"))


def _prefixed(text: str, problem: str) -> str:
    try:
        return result.canonical_cidr(text)
    except ValueError as error:
        raise ValueError(f"{problem}, got: '{text}'") from error


def _gateway(text: str, problem: str) -> str:
    try:
        return result.canonical_ip(text)
    except ValueError as error:
        raise ValueError(problem) from error
