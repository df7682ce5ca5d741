"""The daemon's configuration file: every key, its type, its default (spec section 2.7)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import ConfigError
from plurimus.core import config
from plurimus.core.config import DaemonConfig, LogOptions, PerNodeCertificate

CERTIFICATE = {"enabled": True, "bootstrapKubeconfig": "/b", "certDir": "/c"}
KEYS: list[tuple[str, str, Any]] = [
    ("chrootDir", "chroot_dir", "/hostroot"),
    ("socketDir", "socket_dir", "/s/"),
    ("logFile", "log_file", "/l"),
    ("logLevel", "log_level", "debug"),
    ("logToStderr", "log_to_stderr", False),
    ("logOptions", "log_options", {"maxAge": 1, "maxSize": 2, "maxBackups": 3, "compress": False}),
    ("perNodeCertificate", "per_node_certificate", CERTIFICATE),
    ("connectionLimit", "connection_limit", 5),
    ("metricsPort", "metrics_port", 9091),
    ("metricsAddress", "metrics_address", "192.0.2.1"),
    ("enablePprof", "enable_pprof", True),
    ("cniConfigDir", "cni_config_dir", "/c"),
    ("daemonSocketDir", "daemon_socket_dir", "/d/"),
    ("daemonTimeout", "daemon_timeout", 0.5),
    ("multusConfigFile", "multus_config_file", "/tmp/00-multus.conf"),
    ("multusMasterCNI", "multus_master_cni", "10-flannel.conflist"),
    ("multusAutoconfigDir", "multus_autoconfig_dir", "/a"),
    ("forceCNIVersion", "force_cni_version", True),
    ("overrideNetworkName", "override_network_name", True),
    ("manifests", "manifests", "/m"),
    ("pluginTimeout", "plugin_timeout", 1),
    ("readinessTimeout", "readiness_timeout", 2.5),
    ("sweepInterval", "sweep_interval", 0),
    ("criSocket", "cri_socket", "/run/crio/crio.sock"),
]
STRUCTS: dict[str, Any] = {
    "logOptions": LogOptions(1, 2, 3, compress=False),
    "perNodeCertificate": PerNodeCertificate(enabled=True, bootstrap_kubeconfig="/b", cert_dir="/c"),
}
OVERLAY_KEYS = (
    "cniVersion", "name", "type", "capabilities", "runtimeConfig", "confDir", "cniDir", "binDir", "kubeconfig",
    "delegates", "clusterNetwork", "defaultNetworks", "multusNamespace", "systemNamespaces", "namespaceIsolation",
    "globalNamespaces", "readinessindicatorfile", "retryDeleteOnError", "auxiliaryCNIChainName",
)  # fmt: skip
IDS = [key for key, _, _ in KEYS]


def read(**document: Any) -> config.ConfigFile:
    return config.parse(json.dumps(document).encode())


@pytest.mark.parametrize(("key", "field", "value"), KEYS, ids=IDS)
def test_every_key_is_read(key: str, field: str, value: object) -> None:
    assert getattr(read(**{key: value}).daemon, field) == STRUCTS.get(key, value)


@pytest.mark.parametrize("spell", [str.upper, str.lower], ids=["upper", "lower"])
@pytest.mark.parametrize(("key", "field", "value"), KEYS, ids=IDS)
def test_keys_ignore_case(key: str, field: str, value: object, spell: Any) -> None:
    """Spec section 0, rule 1."""
    file = read(**{spell(key): value})
    assert (getattr(file.daemon, field), file.warnings) == (STRUCTS.get(key, value), ())


@pytest.mark.parametrize(("key", "field", "value"), KEYS, ids=IDS)
def test_null_keeps_the_default(key: str, field: str, value: object) -> None:
    """Spec section 0, rule 2."""
    assert getattr(read(**{key: None}).daemon, field) == getattr(DaemonConfig(), field)


@pytest.mark.parametrize("key", [*IDS, *OVERLAY_KEYS])
def test_a_wrong_type_is_refused_with_its_path(key: str) -> None:
    """The overlay's keys are checked when the daemon starts, not at the first pod."""
    takes_numbers = key in ("connectionLimit", "metricsPort", "sweepInterval") or key.endswith("Timeout")
    with pytest.raises(ConfigError) as caught:
        read(**{key: "5" if takes_numbers else 5})
    assert f"$.{key}" in caught.value.msg


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param({"logOptions": {"maxAge": "5"}}, "$.logOptions.maxAge", id="string-for-number"),
        pytest.param({"logOptions": {"compress": 1}}, "$.logOptions.compress", id="number-for-boolean"),
        pytest.param({"perNodeCertificate": {"certDuration": 600}}, "$.perNodeCertificate.certDuration", id="duration"),
        pytest.param({"delegates": [{}, None]}, "$.delegates[1]", id="list-element"),
        pytest.param({"capabilities": {"mac": "true"}}, "$.capabilities[...]", id="S32-capability"),
    ],
)
def test_a_wrong_type_inside_is_refused_with_its_path(document: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**document)
    assert path in caught.value.msg


@pytest.mark.parametrize("key", OVERLAY_KEYS)
def test_keys_of_the_plugin_configuration_are_known(key: str) -> None:
    """Spec section 2.7 (c)."""
    assert read(**{key: None}).warnings == ()


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        pytest.param("chrootdirs", "chrootDir", id="one-letter-more"),
        pytest.param("multusMasterCni2", "multusMasterCNI", id="case-of-the-suggestion"),
        pytest.param("readinessIndicator", "readinessindicatorfile", id="key-of-the-overlay"),
        pytest.param("cniConfDir", "cniConfigDir", id="abbreviated"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(key: str, nearest: str) -> None:
    assert read(**{key: "x"}).warnings == (
        f"daemon configuration: unknown key {key!r} is ignored, did you mean {nearest!r}?",
    )


def test_an_unknown_key_like_no_other_is_named_alone() -> None:
    assert read(zzz=1).warnings == ("daemon configuration: unknown key 'zzz' is ignored",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[pytest.param("logLevel", value, id=f"logLevel-{value}") for value in ("", "info", "trace")],
        *[pytest.param("connectionLimit", value, id=f"F73-connectionLimit-{value}") for value in (0, -1)],
        *[pytest.param("metricsPort", value, id=f"F74-metricsPort-{value}") for value in (0, -1, 65536)],
        *[pytest.param("metricsAddress", value, id=f"metricsAddress-{value}") for value in ("eth0", "::1/64", " ")],
        *[
            pytest.param(key, value, id=f"{key}-{value}")
            for key in ("daemonTimeout", "pluginTimeout", "readinessTimeout")
            for value in (0, -1, 3601)
        ],
        *[pytest.param("sweepInterval", value, id=f"sweepInterval-{value}") for value in (-1, 86401)],
        pytest.param("criSocket", "crio.sock", id="criSocket-relative"),
    ],
)
def test_a_value_out_of_range_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"'{key}' is .*expected"):
        read(**{key: value})


@pytest.mark.parametrize("level", ["panic", "error", "verbose", "debug", "DEBUG", "Verbose"])
def test_log_levels_ignore_case(level: str) -> None:
    """F25."""
    assert read(logLevel=level).daemon.log_level == level


def test_defaults() -> None:
    """Spec sections 2.1 and 2.7."""
    daemon = config.parse(b"").daemon
    assert (daemon.socket_dir, daemon.daemon_socket_dir) == ("/run/multus/", "/run/multus/")
    assert (daemon.cni_config_dir, daemon.multus_config_file) == ("/etc/cni/net.d", "auto")
    assert daemon.log_options == LogOptions(max_age=5, max_size=100, max_backups=5, compress=True)
    assert daemon.per_node_certificate == PerNodeCertificate(enabled=False, cert_duration="10m")
    assert (daemon.connection_limit, daemon.metrics_port) == (None, None)


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"5", b"\xff", b'{"a":1}{}'])
def test_what_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^daemon configuration: "):
        config.parse(content)


def test_the_overlay_has_every_key_under_its_own_spelling() -> None:
    """F64."""
    assert read(BINDIR="/b", chrootdir="/c").overlay == {"binDir": "/b", "chrootDir": "/c"}


def test_no_message_prints_a_value_it_was_given() -> None:
    """S46: an inline delegate may hold a secret."""
    with pytest.raises(ConfigError) as caught:
        read(delegates=["hunter2"])
    assert "hunter2" not in str(caught.value)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
documents = st.dictionaries(st.sampled_from([*IDS, *OVERLAY_KEYS, "other"]), values, max_size=4)


@given(values | documents)
def test_any_json_is_read_or_a_config_error(document: object) -> None:
    try:
        file = config.parse(json.dumps(document).encode())
    except ConfigError:
        return
    assert file.daemon.plugin_timeout > 0


@given(st.binary())
def test_any_bytes_are_read_or_a_config_error(content: bytes) -> None:
    try:
        config.parse(content)
    except ConfigError:
        return
