"""The configuration of Plurimus as a plugin: what the runtime sends on stdin, under the daemon's file.

The daemon's file is laid over the runtime's configuration key by key, whole values replaced;
it never touches a delegate's configuration (S26).

Spec sections 2.1, 2.2 and 4.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from plurimus.cni import args, gojson
from plurimus.cni.errors import Code, ConfigError
from plurimus.core import keys
from plurimus.model.selection import Bandwidth, PortMapping

VALID_ATTACHMENTS = "cni.dev/valid-attachments"
VALID_ATTACHMENTS_OLD = "cni.dev/attachments"


class RuntimeConfig(msgspec.Struct, frozen=True, rename="camel"):
    """The capability args Plurimus knows; other keys of the runtime are dropped (spec 2.1)."""

    port_mappings: list[PortMapping] = []
    bandwidth: Bandwidth | None = None
    ips: list[str] = []
    mac: str = ""
    infiniband_guid: str = msgspec.field(default="", name="infinibandGUID")
    device_id: str = msgspec.field(default="", name="deviceID")
    device_info_file: str = msgspec.field(default="", name="CNIDeviceInfoFile")

    def capability_args(self) -> dict[str, Any]:
        """The non-empty values under their wire names."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return {key: value for key, value in document.items() if value}


class NetConf(msgspec.Struct, frozen=True, rename="camel"):
    """Every key of section 2.1 with its default; `delegates[0]` is the default network."""

    cni_version: str = ""
    name: str = ""
    type: str = ""
    capabilities: dict[str, bool] = {}
    runtime_config: RuntimeConfig = RuntimeConfig()
    conf_dir: str = "/etc/cni/multus/net.d"
    cni_dir: str = "/var/lib/cni/multus"
    bin_dir: str = "/opt/cni/bin"
    kubeconfig: str = ""
    program: str = ""
    delegates: list[dict[str, Any]] = []
    cluster_network: str = ""
    default_networks: list[str] = []
    multus_namespace: str = "kube-system"
    system_namespaces: tuple[str, ...] = ("kube-system",)
    namespace_isolation: bool = False
    global_namespaces: str = ""
    definition_folders: list[str] | None = None
    readiness_indicator_file: str = msgspec.field(default="", name="readinessindicatorfile")
    retry_delete_on_error: bool = False
    auxiliary_chain_name: str = msgspec.field(default="", name="auxiliaryCNIChainName")

    @property
    def global_namespace_list(self) -> list[str]:
        """The namespaces every pod may refer to; `default` unless the key says otherwise."""
        named = [name.strip() for name in self.global_namespaces.split(",") if name.strip()]
        return named or ["default"]


class ValidAttachment(msgspec.Struct, frozen=True, rename="camel"):
    """One attachment that the runtime says still exists (GC)."""

    container_id: str = msgspec.field(name="containerID")
    ifname: str


def decode(stdin: bytes) -> dict[str, Any]:
    """The configuration on stdin as an object with a valid `name`.

    Raises:
        ConfigError: code 6 if it is no JSON object, code 7 for the name.
    """
    try:
        raw = gojson.fold(gojson.decode_object(stdin), ("name", "cniVersion"))
    except ValueError as error:
        raise ConfigError(f"the configuration on stdin: {error}", code=Code.DECODING_FAILURE) from error
    name = raw.get("name")
    if not name or not isinstance(name, str):
        raise ConfigError("missing network name")
    if not args.is_network_name(name):
        raise ConfigError(f"invalid characters found in network name: {name!r}")
    if not isinstance(raw.get("cniVersion") or "", str):
        raise ConfigError("the configuration on stdin: 'cniVersion' must be a string")
    return raw


def parse(stdin: Mapping[str, Any], *, overlay: Mapping[str, Any] | None = None) -> NetConf:
    """Read the plugin configuration `stdin` with the daemon's file laid over it.

    Raises:
        ConfigError: a key has the wrong type (the text has its path), or a value no name of a file or network can have.
    """
    known = keys.names(NetConf)
    sources = (gojson.fold(stdin, known), gojson.fold(overlay or {}, known))
    for source in sources:  # what is laid over is used as well: the shim spools where the runtime's `cniDir` says
        for key, value in source.items():
            if isinstance(value, str) and "\0" in value:
                raise ConfigError(f"error loading netconf: {key!r} has a NUL character")
    merged = {**sources[0], **sources[1]}
    try:
        netconf = gojson.convert(merged, NetConf)
    except ValueError as error:
        raise ConfigError(f"error loading netconf: {error}") from error
    return netconf


def shim_cni_dir(stdin: Mapping[str, Any]) -> str:
    """`cniDir` as the shim reads it: from stdin alone, which is all it knows."""
    folder = gojson.fold(stdin, ("cniDir",)).get("cniDir")
    return folder if folder and isinstance(folder, str) else NetConf().cni_dir


def valid_attachments(stdin: Mapping[str, Any]) -> list[ValidAttachment]:
    """The attachments the runtime wants to keep (GC); `null` and `[]` keep none.

    Raises:
        ConfigError: the key is missing, which must not be read as "keep none", or malformed.
    """
    key = next((key for key in (VALID_ATTACHMENTS, VALID_ATTACHMENTS_OLD) if key in stdin), None)
    if key is None:
        raise ConfigError(f"GC needs {VALID_ATTACHMENTS!r}, the attachments to keep; nothing was removed")
    kept = stdin[key]
    try:
        return gojson.convert([] if kept is None else kept, list[ValidAttachment])
    except ValueError as error:
        raise ConfigError(f"{key}: {error}; nothing was removed") from error
