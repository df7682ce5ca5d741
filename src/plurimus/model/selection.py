"""The network selection elements of a pod: the annotations `networks` and `default-network`.

A pod asks for attachments in one of two forms: the short form, `[namespace/]name[@interface]`
separated by commas, or a JSON list of objects.  Both end as the same `NetworkSelectionElement`.

This module reads no cluster state: whether a network exists, and whether this pod may use it,
is decided in `core.resolve`.

Multi-network spec v1.3, section 4.1; spec sections 3.1 and 3.3.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from plurimus.cni import gojson
from plurimus.cni.args import ifname_problem
from plurimus.cni.errors import RequestError
from plurimus.cni.result import canonical_ip

_MOST_ELEMENTS = 256
_MOST_QUOTED = 500
_MOST_LENGTH = 256 * 1024
"""Characters, as many as the API server lets all annotations of a pod have."""
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_MAC = re.compile(r"([0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5,19}|[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2,9})")


class PortMapping(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    host_port: int
    container_port: int
    protocol: str = ""
    host_ip: str = msgspec.field(default="", name="hostIP")


class Bandwidth(msgspec.Struct, frozen=True, rename="camel"):
    """Rates in bits per second, bursts in bits; all four are always written (F33)."""

    ingress_rate: int = 0
    ingress_burst: int = 0
    egress_rate: int = 0
    egress_burst: int = 0


class NetworkSelectionElement(msgspec.Struct, frozen=True, rename="kebab"):
    """One requested attachment.  `default_route`: None where the key is absent, which differs from `[]`.

    `container` is ours: the container of the pod whose device this attachment shall have.
    """

    name: str
    namespace: str
    interface: str = ""
    ips: list[str] = []
    mac: str = ""
    infiniband_guid: str = ""
    port_mappings: list[PortMapping] = msgspec.field(default=[], name="portMappings")
    bandwidth: Bandwidth | None = None
    cni_args: dict[str, Any] | None = None
    default_route: list[str] | None = None
    device_id: str = msgspec.field(default="", name="deviceID")
    container: str = ""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class _Written(msgspec.Struct, frozen=True, rename="kebab"):
    """An element of the JSON form as the pod's author wrote it."""

    name: str = ""
    namespace: str = ""
    interface: str = ""
    interface_request: str = msgspec.field(default="", name="interfaceRequest")
    ips: list[str] = []
    mac: str = ""
    infiniband_guid: str = ""
    port_mappings: list[PortMapping] = msgspec.field(default=[], name="portMappings")
    bandwidth: Bandwidth | None = None
    cni_args: dict[str, Any] | None = None
    default_route: list[str] | None = None
    device_id: str = msgspec.field(default="", name="deviceID")
    container: str = ""


def parse(annotation: str, *, namespace: str) -> list[NetworkSelectionElement]:
    """The elements of an annotation in the order written; `namespace` is the one to assume.

    Order is meaning: attachments without an interface name are numbered by position, and naming
    a network twice asks for two attachments.  An empty annotation asks for none.

    Raises:
        RequestError: the text names the entry and what is wrong with it.
    """
    if not annotation.strip():
        return []
    if len(annotation) > _MOST_LENGTH:
        raise RequestError(f"networks annotation: it is longer than {_MOST_LENGTH} characters")
    if any(character in annotation for character in '[{"'):
        return _parse_json(annotation, namespace)
    entries = annotation.split(",")
    _check_number(entries)
    return [_parse_short(entry.strip(), namespace) for entry in entries]


def parse_one(annotation: str, *, namespace: str) -> NetworkSelectionElement:
    """The default-network annotation: exactly one element in either form (F39)."""
    elements = parse(annotation, namespace=namespace)
    if len(elements) != 1:
        raise RequestError(f"default-network annotation: expected exactly one network, got {len(elements)}")
    return elements[0]


def _parse_short(entry: str, namespace: str) -> NetworkSelectionElement:
    if entry.count("/") > 1:
        raise _wrong(entry, "Invalid network object (failed at '/'), expected [namespace/]name[@interface]")
    if entry.count("@") > 1:
        raise _wrong(entry, "Invalid network object (failed at '@'), expected [namespace/]name[@interface]")
    network, at, interface = (part.strip() for part in entry.partition("@"))
    prefix, slash, name = (part.strip() for part in network.rpartition("/"))
    for what, value in (("namespace", prefix), ("network name", name)):
        if value and not _LABEL.fullmatch(value):
            hint = "; names with dots need the JSON form" if "." in value else ""
            raise _wrong(entry, f"{what} {value!r} is not of the form [a-z0-9]([-a-z0-9]*[a-z0-9])?{hint}")
    if not name:
        raise _wrong(entry, "the network name is empty")
    if at and not interface:
        raise _wrong(entry, "no interface name follows '@'")
    if slash and not prefix:
        raise _wrong(entry, "no namespace precedes '/'")
    _check_interface(entry, interface)
    return NetworkSelectionElement(name=name, namespace=prefix or namespace, interface=interface)


def _parse_json(annotation: str, namespace: str) -> list[NetworkSelectionElement]:
    try:
        raw = gojson.decode(annotation)
    except ValueError as error:
        raise RequestError(f"networks annotation is no valid JSON: {error}") from error
    if not isinstance(raw, list):
        raise RequestError(f"networks annotation: expected a JSON list of objects, got {gojson.kind(raw)}")
    _check_number(raw)
    return [_parse_object(index, item, namespace) for index, item in enumerate(raw)]


def _parse_object(index: int, raw: object, namespace: str) -> NetworkSelectionElement:
    entry = f"#{index}"
    if not isinstance(raw, dict):
        raise _wrong(entry, f"expected an object, got {gojson.kind(raw)}")
    try:
        written = gojson.convert(raw, _Written)
    except ValueError as error:
        raise _wrong(entry, str(error)) from error
    if not written.name:
        raise _wrong(entry, "'name' is missing or empty")
    entry = f"#{index} {written.name!r}"
    for what, value in (("name", written.name), ("namespace", written.namespace)):
        if value and not _SUBDOMAIN.fullmatch(value):
            raise _wrong(entry, f"{what} {value!r} is no DNS-1123 subdomain")
    interface = written.interface or written.interface_request
    _check_interface(entry, interface)
    _check_addresses(entry, written)
    return NetworkSelectionElement(
        name=written.name,
        namespace=written.namespace or namespace,
        interface=interface,
        ips=written.ips,
        mac=written.mac,
        infiniband_guid=written.infiniband_guid,
        port_mappings=written.port_mappings,
        bandwidth=written.bandwidth,
        cni_args=written.cni_args,
        default_route=None if written.default_route is None else [canonical_ip(ip) for ip in written.default_route],
        device_id=written.device_id,
        container=written.container,
    )


def _check_number(elements: Sequence[object]) -> None:
    """Each network is some plugins and interfaces: one pod must not take the node from all others."""
    if len(elements) > _MOST_ELEMENTS:
        raise RequestError(
            f"networks annotation: {len(elements)} networks for one pod, expected up to {_MOST_ELEMENTS}"
        )


def _check_interface(entry: str, interface: str) -> None:
    problem = ifname_problem(interface) if interface else ""
    if problem or interface == "lo":
        raise _wrong(entry, f"interface name {interface!r} {problem or 'is the loopback interface'}")


def _check_addresses(entry: str, written: _Written) -> None:
    for ip in written.ips:
        if not _is_address(ip.partition("/")[0]) or ("/" in ip and not _is_prefixed(ip)):
            raise _wrong(entry, f"'ips' holds {ip!r}, expected an IP address with or without a prefix length")
    for gateway in written.default_route or []:
        if not _is_address(gateway):
            raise _wrong(entry, f"'default-route' holds {gateway!r}, expected an IP address")
    for key, mac in (("mac", written.mac), ("infiniband-guid", written.infiniband_guid)):
        if mac and not is_hardware_address(mac):
            raise _wrong(entry, f"{key!r} is {mac!r}, expected a hardware address such as 02:00:00:00:00:01")


def is_hardware_address(text: str) -> bool:
    """Whether Go's net.ParseMAC takes `text`: 6, 8 or 20 octets with `:`, `-` or dots (section 0)."""
    octets = len(re.sub("[^0-9a-fA-F]", "", text)) // 2
    one_separator = len(set(re.sub("[0-9a-fA-F]", "", text))) == 1
    return _MAC.fullmatch(text) is not None and octets in (6, 8, 20) and one_separator


def _is_address(text: str) -> bool:
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_prefixed(text: str) -> bool:
    try:
        return text.rpartition("/")[2].isdigit() and bool(ipaddress.ip_interface(text))
    except ValueError:
        return False


def _wrong(entry: str, reason: str) -> RequestError:
    """What was written is quoted, but no more of it than one reads."""
    entry, reason = (f"{text[:_MOST_QUOTED]}..." if len(text) > _MOST_QUOTED else text for text in (entry, reason))
    return RequestError(f"networks annotation, element {entry}: {reason}")
