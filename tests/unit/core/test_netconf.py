"""The plugin's own configuration: what the runtime sends, under the daemon's file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import Code, ConfigError
from plurimus.core import netconf
from plurimus.core.netconf import NetConf, RuntimeConfig, ValidAttachment
from plurimus.model.selection import Bandwidth, PortMapping

KEYS: list[tuple[str, str, Any]] = [
    ("cniVersion", "cni_version", "0.3.1"),
    ("name", "name", "n"),
    ("type", "type", "multus"),
    ("capabilities", "capabilities", {"portMappings": True}),
    ("confDir", "conf_dir", "/c"),
    ("cniDir", "cni_dir", "/d"),
    ("binDir", "bin_dir", "/b"),
    ("kubeconfig", "kubeconfig", "/k"),
    ("delegates", "delegates", [{"type": "macvlan"}]),
    ("clusterNetwork", "cluster_network", "net"),
    ("defaultNetworks", "default_networks", ["a", "b"]),
    ("multusNamespace", "multus_namespace", "ns"),
    ("namespaceIsolation", "namespace_isolation", True),
    ("globalNamespaces", "global_namespaces", "a,b"),
    ("readinessindicatorfile", "readiness_indicator_file", "/r"),
    ("retryDeleteOnError", "retry_delete_on_error", True),
    ("auxiliaryCNIChainName", "auxiliary_chain_name", "vendor"),
]
WRONG = {
    "capabilities": {"a": "yes"},
    "runtimeConfig": [],
    "delegates": ["net"],
    "defaultNetworks": "a",
    "systemNamespaces": "kube-system",
    "namespaceIsolation": "true",
    "retryDeleteOnError": 1,
}


@pytest.mark.parametrize(("key", "field", "value"), KEYS, ids=[key for key, _, _ in KEYS])
def test_every_key_is_read(key: str, field: str, value: object) -> None:
    """Spec section 2.1."""
    assert getattr(netconf.parse({key: value}), field) == value


@pytest.mark.parametrize("spell", [str.upper, str.lower, str.title], ids=["upper", "lower", "title"])
@pytest.mark.parametrize(("key", "field", "value"), KEYS, ids=[key for key, _, _ in KEYS])
def test_keys_ignore_case(key: str, field: str, value: object, spell: Any) -> None:
    """Spec section 0, rule 1."""
    assert getattr(netconf.parse({spell(key): value}), field) == value


@pytest.mark.parametrize(("key", "field", "value"), KEYS, ids=[key for key, _, _ in KEYS])
def test_null_keeps_the_default(key: str, field: str, value: object) -> None:
    """Spec section 0, rule 2."""
    assert getattr(netconf.parse({key: None}), field) == getattr(NetConf(), field)


@pytest.mark.parametrize("key", [*[key for key, _, _ in KEYS], "runtimeConfig", "systemNamespaces"])
def test_a_wrong_type_is_refused_with_its_path(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        netconf.parse({key: WRONG.get(key, 5)})
    assert f"$.{key}" in caught.value.msg
    assert caught.value.code == Code.INVALID_CONFIG


def test_defaults_are_those_of_multus() -> None:
    """Spec section 2.1."""
    read = netconf.parse({})
    assert (read.conf_dir, read.cni_dir, read.bin_dir) == (
        "/etc/cni/multus/net.d",
        "/var/lib/cni/multus",
        "/opt/cni/bin",
    )
    assert (read.multus_namespace, read.system_namespaces) == ("kube-system", ("kube-system",))
    assert (read.namespace_isolation, read.retry_delete_on_error, read.readiness_indicator_file) == (False, False, "")


def test_a_list_replaces_the_default_list() -> None:
    """F18."""
    assert netconf.parse({"systemNamespaces": ["a"]}).system_namespaces == ("a",)


def test_capability_args_of_the_runtime_are_read() -> None:
    """F26."""
    sent = {
        "portMappings": [{"hostPort": 80, "containerPort": 8080, "protocol": "tcp", "hostIP": "10.0.0.1"}],
        "bandwidth": {"ingressRate": 1},
        "ips": ["10.0.0.2/24"],
        "mac": "02:00:00:00:00:01",
        "infinibandGUID": "c2:11:22:33:44:55:66:77",
        "deviceID": "0000:00:01.0",
        "CNIDeviceInfoFile": "/f",
    }
    read = netconf.parse({"runtimeConfig": sent}).runtime_config
    assert (read.port_mappings, read.bandwidth) == ([PortMapping(80, 8080, "tcp", "10.0.0.1")], Bandwidth(1))
    full = {"ingressRate": 1, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}
    assert read.capability_args() == sent | {"bandwidth": full}


@pytest.mark.parametrize("key", ["dns", "ipRanges", "aliases", "cgroupPath"])
def test_other_capability_args_are_dropped(key: str) -> None:
    """Spec section 2.1, `runtimeConfig`."""
    assert netconf.parse({"runtimeConfig": {key: {}}}).runtime_config == RuntimeConfig()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, ["default"], id="unset"),
        pytest.param("", ["default"], id="empty"),
        pytest.param("a", ["a"], id="replaces-default"),
        pytest.param(" a , b ", ["a", "b"], id="trimmed"),
    ],
)
def test_global_namespaces(text: str | None, expected: list[str]) -> None:
    """F20."""
    assert netconf.parse({"globalNamespaces": text}).global_namespace_list == expected


def test_the_overlay_wins_key_by_key() -> None:
    """F64: whole values are replaced, keys it lacks stay."""
    sent = {"binDir": "/runtime", "cniDir": "/runtime", "systemNamespaces": ["a", "b"]}
    read = netconf.parse(sent, overlay={"BINDIR": "/daemon", "systemNamespaces": ["c"], "chrootDir": "/host"})
    assert (read.bin_dir, read.cni_dir, read.system_namespaces) == ("/daemon", "/runtime", ("c",))


def test_the_overlay_never_reaches_a_delegate() -> None:
    """S26."""
    inline = {"type": "macvlan", "name": "net", "cniVersion": "1.0.0"}
    overlay = {"cniVersion": "0.3.1", "logLevel": "debug", "name": "x", "type": "y", "binDir": "/z", "deviceID": "d"}
    assert netconf.parse({"delegates": [inline]}, overlay=overlay).delegates == [inline]


@pytest.mark.parametrize(
    ("stdin", "code"),
    [
        pytest.param(b"", Code.DECODING_FAILURE, id="empty"),
        pytest.param(b"{", Code.DECODING_FAILURE, id="torn"),
        pytest.param(b"[]", Code.DECODING_FAILURE, id="list"),
        pytest.param(b"null", Code.DECODING_FAILURE, id="null"),
        pytest.param(b"\xff", Code.DECODING_FAILURE, id="no-utf-8"),
        pytest.param(b"{}", Code.INVALID_CONFIG, id="no-name"),
        pytest.param(b'{"name":""}', Code.INVALID_CONFIG, id="empty-name"),
        pytest.param(b'{"name":1}', Code.INVALID_CONFIG, id="name-is-a-number"),
        pytest.param(b'{"name":"a/b"}', Code.INVALID_CONFIG, id="name-with-slash"),
        pytest.param(b'{"name":"a\\n"}', Code.INVALID_CONFIG, id="name-with-newline"),
        pytest.param(b'{"name":"a","cniVersion":1}', Code.INVALID_CONFIG, id="version-is-a-number"),
    ],
)
def test_stdin_that_is_no_configuration_is_refused(stdin: bytes, code: Code) -> None:
    """Spec section 1.2: code 6 for what is no object, 7 for the name."""
    with pytest.raises(ConfigError) as caught:
        netconf.decode(stdin)
    assert caught.value.code == code


def test_stdin_is_read_with_any_spelling_of_its_name() -> None:
    assert netconf.decode(b'{"Name":"a","CNIVersion":"1.0.0","x":1}') == {"name": "a", "cniVersion": "1.0.0", "x": 1}


@pytest.mark.parametrize("key", ["cni.dev/valid-attachments", "cni.dev/attachments"])
def test_valid_attachments_are_read_under_both_names(key: str) -> None:
    """S18, F5."""
    sent = {key: [{"containerID": "c", "ifname": "eth0"}]}
    assert netconf.valid_attachments(sent) == [ValidAttachment("c", "eth0")]


@pytest.mark.parametrize("none", [None, []], ids=["null", "empty-list"])
def test_no_valid_attachments_keep_none(none: object) -> None:
    """S18."""
    assert netconf.valid_attachments({"cni.dev/valid-attachments": none}) == []


@pytest.mark.parametrize(
    "stdin",
    [
        pytest.param({}, id="missing"),
        pytest.param({"cni.dev/valid-attachments": {}}, id="object"),
        pytest.param({"cni.dev/valid-attachments": 0}, id="zero"),
        pytest.param({"cni.dev/valid-attachments": ""}, id="empty-string"),
        pytest.param({"cni.dev/valid-attachments": False}, id="false"),
        pytest.param({"cni.dev/valid-attachments": "x"}, id="string"),
        pytest.param({"cni.dev/valid-attachments": [None]}, id="null-element"),
        pytest.param({"cni.dev/valid-attachments": [{"containerID": "c"}]}, id="no-ifname"),
        pytest.param({"cni.dev/valid-attachments": [{"containerID": 1, "ifname": "e"}]}, id="id-is-a-number"),
    ],
)
def test_malformed_valid_attachments_are_refused(stdin: dict[str, Any]) -> None:
    """S18: "keep none" is a sentence only `null` and `[]` can say; anything else would remove living pods."""
    with pytest.raises(ConfigError, match="nothing was removed"):
        netconf.valid_attachments(stdin)


@pytest.mark.parametrize("overlay", [{}, {"cniDir": "/daemon"}])
@pytest.mark.parametrize("spelling", ["cniDir", "CNIDir"])
def test_no_path_has_a_nul_even_where_the_daemons_file_has_another(spelling: str, overlay: dict[str, Any]) -> None:
    """The shim spools where the runtime's says, and the daemon looks there for as long as it runs."""
    with pytest.raises(ConfigError, match="'cniDir' has a NUL character"):
        netconf.parse({spelling: "/var/lib/\0"}, overlay=overlay)


def test_the_daemons_file_has_no_nul_either() -> None:
    with pytest.raises(ConfigError, match="'binDir' has a NUL character"):
        netconf.parse({"binDir": "/opt/cni/bin"}, overlay={"binDir": "\0"})


def test_numbers_keep_their_value() -> None:
    """Spec section 0, rule 3: integers beyond 2^53 are exact."""
    big = 2**53 + 1
    sent = netconf.decode(json.dumps({"name": "a", "delegates": [{"type": "t", "id": big}]}).encode())
    assert netconf.parse(sent).delegates[0]["id"] == big
