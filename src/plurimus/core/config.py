"""The daemon's configuration file: every key, its type, its default.

The file serves three readers: the daemon itself (this struct), the overlay over the runtime's
configuration (`core.netconf`), and the generator of the node's CNI configuration.  Known keys
are strict; unknown ones are reported by name with the nearest known key.

Spec sections 2.1 (logging) and 2.7.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import msgspec

from plurimus.cni import gojson
from plurimus.cni.errors import ConfigError
from plurimus.core import certificates, keys
from plurimus.core.netconf import NetConf

LOG_LEVELS = ("panic", "error", "verbose", "debug")


class LogOptions(msgspec.Struct, frozen=True, rename="camel"):
    """Rotation of the log file: days, megabytes, number of old files."""

    max_age: int = 5
    max_size: int = 100
    max_backups: int = 5
    compress: bool = True


class PerNodeCertificate(msgspec.Struct, frozen=True, rename="camel"):
    """A certificate of the node's own as the daemon's identity; `core.certificates` reads the duration."""

    enabled: bool = False
    bootstrap_kubeconfig: str = ""
    cert_dir: str = ""
    cert_duration: str = "10m"


class DaemonConfig(msgspec.Struct, frozen=True, rename="camel"):
    """What the daemon itself reads; times are seconds.

    Twelve keys are ours: `metricsAddress` is the address `metricsPort` is on, all of them without it,
    `manifests` names a folder to use as the cluster, `apiTimeout` bounds one answer of the API server or kubelet,
    `daemonTimeout` is how long the shim waits for a daemon, `pluginTimeout` bounds one plugin call,
    `readinessTimeout` the wait for `readinessindicatorfile`, `sideBySide` is the switch of `core.order`,
    `independentPlugins` are types it takes for harmless beside its own, `executables` are plugin types that run as
    their executables although there is a driver for them, `rails` says which physical function is which rail
    (`core.rails`), `sweepInterval` is the time between two looks for leaks, 0 for none, and `criSocket` names the
    container runtime that is asked then.
    """

    chroot_dir: str = ""
    socket_dir: str = "/run/multus/"
    log_file: str = ""
    log_level: str = "verbose"
    log_to_stderr: bool = True
    log_options: LogOptions = LogOptions()
    per_node_certificate: PerNodeCertificate = PerNodeCertificate()
    connection_limit: int | None = None
    metrics_port: int | None = None
    metrics_address: str = ""
    enable_pprof: bool = False
    cni_config_dir: str = "/etc/cni/net.d"
    daemon_socket_dir: str = "/run/multus/"
    daemon_timeout: float = 5.0
    multus_config_file: str = "auto"
    multus_master_cni: str = msgspec.field(default="", name="multusMasterCNI")
    multus_autoconfig_dir: str = ""
    force_cni_version: bool = msgspec.field(default=False, name="forceCNIVersion")
    override_network_name: bool = False
    manifests: str = ""
    api_timeout: float = 10.0
    plugin_timeout: float = 120.0
    readiness_timeout: float = 45.0
    side_by_side: bool = True
    independent_plugins: list[str] = []
    executables: list[str] = []
    rails: dict[str, str] = {}
    sweep_interval: float = 600.0
    cri_socket: str = ""

    @property
    def implied(self) -> dict[str, Any]:
        """What it says of requests without naming it: who may write manifests of this node is its administrator."""
        return {"definitionFolders": ["/"]} if self.manifests else {}

    @property
    def given_config(self) -> str:
        """The path of the file that is the node's CNI configuration as it is; empty where that is made."""
        return "" if self.multus_config_file == "auto" else self.multus_config_file


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file read: for the daemon, for the overlay over the runtime's configuration, and what is odd in it."""

    daemon: DaemonConfig
    overlay: dict[str, Any]
    warnings: tuple[str, ...]


def parse(content: bytes, *, what: str = "daemon configuration") -> ConfigFile:
    """Read the daemon's configuration file; empty content means all defaults.  Errors call it `what`.

    Raises:
        ConfigError: the path of the key, what is wrong with it, what was expected.
    """
    known = keys.names(DaemonConfig, NetConf)
    try:
        raw = gojson.decode_object(content or b"{}")
        document = gojson.fold(raw, known)
        daemon = gojson.convert(document, DaemonConfig)
        gojson.convert(document, NetConf)
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from error
    try:
        _check(daemon)
    except ConfigError as error:
        raise error.about(f"{what}: ") from None
    warnings = tuple(f"{what}: {text}" for text in keys.unknown(raw, known))
    return ConfigFile(daemon, daemon.implied | document, warnings)


def _check(config: DaemonConfig) -> None:
    """What a type cannot say."""
    if config.log_level.lower() not in LOG_LEVELS:
        raise _wrong("logLevel", config.log_level, f"one of {', '.join(LOG_LEVELS)}")
    if config.connection_limit is not None and config.connection_limit <= 0:
        raise _wrong("connectionLimit", config.connection_limit, "a number above 0, or no such key for the default")
    if config.metrics_port is not None and not 0 < config.metrics_port < 65536:
        raise _wrong("metricsPort", config.metrics_port, "a port, 1 to 65535")
    if config.metrics_address and not _is_address(config.metrics_address):
        raise _wrong("metricsAddress", config.metrics_address, "an IP address of this node, or no such key for all")
    for function, rail in config.rails.items():
        if not function or not rail:
            raise _wrong("rails", config.rails, "names of rails by PCI address or interface, none of them empty")
    if config.cri_socket and not config.cri_socket.startswith("/"):
        raise _wrong("criSocket", config.cri_socket, "the path of a socket")
    _check_certificate(config.per_node_certificate)
    _check_times(config)


def _check_times(config: DaemonConfig) -> None:
    if not 0 <= config.sweep_interval <= 86400:
        raise _wrong("sweepInterval", config.sweep_interval, "seconds, at most 86400, or 0 to look for no leaks")
    for key, value in (
        ("apiTimeout", config.api_timeout),
        ("daemonTimeout", config.daemon_timeout),
        ("pluginTimeout", config.plugin_timeout),
        ("readinessTimeout", config.readiness_timeout),
    ):
        if not 0 < value <= 3600:
            raise _wrong(key, value, "seconds, above 0 and at most 3600")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _check_certificate(config: PerNodeCertificate) -> None:
    if config.enabled:
        for key, value, expected in (
            ("bootstrapKubeconfig", config.bootstrap_kubeconfig, "a kubeconfig to ask for the certificate with"),
            ("certDir", config.cert_dir, "a folder of this node that stays"),
        ):
            if not value:
                raise _wrong(f"perNodeCertificate.{key}", value, expected)
        certificates.seconds(config.cert_duration)


def _wrong(key: str, value: object, expected: str) -> ConfigError:
    return ConfigError(f"{key!r} is {value!r}, expected {expected}")
