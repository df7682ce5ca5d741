"""The node's CNI configuration, made from the daemon's file and the default network's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni import conf
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError
from plurimus.core import config, generate

from . import primaries
from .primaries import CALICO, CILIUM, FLANNEL, KUBE_OVN, OVN

PATH = "/etc/cni/net.d/10-net.conflist"


def network(kind: str = "bridge", version: str = "1.0.0", name: str = "net", **keys: Any) -> NetworkConfig:
    """The default network: a single configuration."""
    return conf.parse({"cniVersion": version, "name": name, "type": kind, **keys})


def generated(default: NetworkConfig, path: str = PATH, **keys: Any) -> dict[str, Any]:
    """What comes of `default` with `keys` in the daemon's file."""
    content = generate.generate(config.parse(json.dumps(keys).encode()), default, path)
    made: dict[str, Any] = json.loads(content)
    return made


def plugin(default: NetworkConfig, **keys: Any) -> dict[str, Any]:
    """The one plugin of it."""
    (only,) = generated(default, **keys)["plugins"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        (FLANNEL, {"portMappings": True}),
        (CALICO, {"bandwidth": True, "portMappings": True}),
        (CILIUM, None),
        (OVN, None),
        (KUBE_OVN, {"portMappings": True}),
    ],
)
def test_the_well_known_default_networks_are_taken_over(name: str, capabilities: dict[str, bool] | None) -> None:
    """F65, F66: as their projects install them, whatever their version."""
    path = f"/host/etc/cni/net.d/{name}"
    made = generated(conf.parse(primaries.content(name)), path)
    wanted = {"type": "plurimus", "clusterNetwork": path}
    assert made == {
        "name": "multus-cni-network",
        "cniVersion": "1.0.0",
        "cniVersions": ["1.0.0", "1.1.0"],
        "plugins": [wanted | ({"capabilities": capabilities} if capabilities else {})],
    }


def test_a_runtime_of_cni_1_1_reads_a_list_of_1_1_and_may_call_status_and_gc() -> None:
    """F65, F11: and one that does not know `cniVersions` reads a list of 1.0.0."""
    content = generate.generate(config.parse(b""), network(), PATH)
    read = conf.parse(content)
    assert (read.single, read.cni_version, read.types) == (False, "1.1.0", ("plurimus",))
    older = {key: value for key, value in json.loads(content).items() if key != "cniVersions"}
    assert conf.parse(older).cni_version == "1.0.0"


def test_a_configured_version_wins() -> None:
    """F65: for runtimes that know less, or as Multus' own file has it."""
    made = generated(network(version="0.3.1"), cniVersion="0.3.1")
    assert made["cniVersion"] == "0.3.1"
    assert "cniVersions" not in made


def test_the_daemons_file_of_multus_own_manifest_will_do() -> None:
    """F65.  Spec section 8.1, item 5."""
    keys = {
        "chrootDir": "/hostroot",
        "cniVersion": "0.3.1",
        "logLevel": "verbose",
        "logToStderr": True,
        "cniConfigDir": "/host/etc/cni/net.d",
        "multusAutoconfigDir": "/host/etc/cni/net.d",
        "multusConfigFile": "auto",
        "socketDir": "/host/run/multus/",
    }
    assert generated(conf.parse(primaries.content(FLANNEL)), **keys) == {
        "name": "multus-cni-network",
        "cniVersion": "0.3.1",
        "plugins": [{"type": "plurimus", "clusterNetwork": PATH, "capabilities": {"portMappings": True}}],
    }


@pytest.mark.parametrize(
    ("wanted", "has", "fits"),
    [
        ("0.3.1", "0.3.1", True),
        ("0.3.1", "1.0.0", True),
        ("0.4.0", "0.4.0", True),
        ("1.1.0", "0.4.0", True),
        ("0.4.0", "0.3.1", False),
        ("1.0.0", "0.2.0", False),
        ("1.0.0", "", False),
    ],
)
def test_from_0_4_0_on_a_configured_version_wants_a_default_network_of_0_4_0(wanted: str, has: str, fits: bool) -> None:
    """Spec section 7.6: both versions and a way out are named."""
    if fits:
        assert generated(network(version=has), cniVersion=wanted)["cniVersion"] == wanted
        return
    with pytest.raises(ConfigError) as caught:
        generated(network(version=has), cniVersion=wanted)
    assert caught.value.msg.startswith(
        f"delegate cni version is {has or '0.1.0'} while top level cni version is {wanted}"
    )


def test_capabilities_declared_true_are_added_to_the_configured_ones() -> None:
    """F66: from every plugin of the list."""
    default = conf.parse(
        {
            "cniVersion": "1.0.0",
            "name": "net",
            "plugins": [
                {"type": "a", "capabilities": {"ips": True, "mac": False}},
                {"type": "b"},
                {"type": "c", "capabilities": {"portMappings": True}},
            ],
        }
    )
    made = plugin(default, capabilities={"bandwidth": True, "ips": False})
    assert made["capabilities"] == {"bandwidth": True, "ips": True, "portMappings": True}


def test_a_capability_that_is_no_boolean_is_refused_before() -> None:
    """S32."""
    with pytest.raises(ConfigError, match="capabilities"):
        network(capabilities={"portMappings": "yes"})


def test_it_has_the_name_of_the_default_network_on_request() -> None:
    """F68."""
    assert generated(network(name="cbr0"))["name"] == "multus-cni-network"
    assert generated(network(name="cbr0"), overrideNetworkName=True)["name"] == "cbr0"


def test_a_default_network_without_a_name_has_none_to_give() -> None:
    """F68."""
    with pytest.raises(ConfigError, match="no name, which overrideNetworkName"):
        generated(conf.parse({"type": "bridge"}), overrideNetworkName=True)


@pytest.mark.parametrize("kind", ["plurimus", "multus", "multus-shim", "ours"])
def test_a_default_network_that_delegates_is_refused(kind: str) -> None:
    """S35: alone, in a list, and under the type it has been given."""
    listed = conf.parse({"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "tuning"}, {"type": kind}]})
    for default in (network(kind), listed):
        with pytest.raises(ConfigError, match=f"plugin '{kind}' delegates and cannot be the default network"):
            generated(default, type="ours")


def test_what_the_shim_and_other_readers_need_is_copied_where_it_is_configured() -> None:
    """S16: `confDir` among it.  Spec section 2.7 (b); keys of the daemon alone stay out."""
    keys = {
        "binDir": "/usr/libexec/cni",
        "cniDir": "/var/lib/plurimus",
        "confDir": "/etc/networks",
        "daemonSocketDir": "/run/plurimus",
        "daemonTimeout": 3.5,
        "namespaceIsolation": True,
        "globalNamespaces": "default,networks",
        "auxiliaryCNIChainName": "chain",
    }
    made = plugin(network(), **keys, socketDir="/host/run", chrootDir="/host", multusNamespace="x", logLevel="debug")
    assert made == keys | {"type": "plurimus", "clusterNetwork": PATH}


def test_logging_is_configured_where_the_shim_is_multus_own() -> None:
    """Spec sections 2.7 (b) and 7.3."""
    keys = {"logLevel": "debug", "logFile": "/var/log/multus.log", "logToStderr": False, "logOptions": {"maxAge": 1}}
    made = plugin(network(), type="multus-shim", **keys)
    assert made == keys | {"type": "multus-shim", "clusterNetwork": PATH}


@pytest.mark.parametrize("kind", ["../multus", "a/b"])
def test_a_type_that_no_runtime_could_execute_is_refused(kind: str) -> None:
    """F65: nothing is written that a runtime could not read."""
    with pytest.raises(ConfigError, match="expected the name of an executable"):
        generated(network(), type=kind)


def test_the_version_of_the_default_network_is_rewritten_on_request() -> None:
    """F69: the rest as it is; nothing to write where it is that already."""
    changed = generate.with_version(primaries.content(FLANNEL), "1.0.0")
    assert changed is not None
    assert json.loads(changed) == primaries.FILES[FLANNEL] | {"cniVersion": "1.0.0"}
    assert generate.with_version(changed, "1.0.0") is None
    with pytest.raises(ConfigError):
        generate.with_version(b"{", "1.0.0")
