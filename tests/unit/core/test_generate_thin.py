"""The node's CNI configuration where there is no daemon: all a call needs stands in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni import conf
from plurimus.cni.errors import ConfigError
from plurimus.core import config, generate, netconf

from . import primaries
from .primaries import CALICO, CILIUM, FLANNEL, KUBE_OVN, OVN

PATH, PROGRAM, KUBECONFIG = "/etc/cni/net.d/10-net.conflist", "/etc/program", "/etc/kubeconfig"
BRIDGE = {"cniVersion": "1.0.0", "name": "net", "type": "bridge"}


def generated(default: Any = BRIDGE, *, kubeconfig: str = KUBECONFIG, **keys: Any) -> dict[str, Any]:
    content = generate.generate_thin(
        config.parse(json.dumps(keys).encode()), conf.parse(default), path=PATH, program=PROGRAM, kubeconfig=kubeconfig
    )
    made: dict[str, Any] = json.loads(content)
    return made


def plugin(default: Any = BRIDGE, **keys: Any) -> dict[str, Any]:
    (only,) = generated(default, **keys)["plugins"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("name", [FLANNEL, CALICO, CILIUM, OVN, KUBE_OVN])
def test_the_well_known_default_networks_stand_in_it_whole(name: str) -> None:
    """F79, F65: and are what a call makes of it."""
    default = json.loads(primaries.content(name))
    (delegate,) = netconf.parse(plugin(default)).delegates
    assert conf.parse(delegate) == conf.parse(default)


def test_it_is_a_list_of_two_versions_with_one_plugin() -> None:
    """F79, F67, F68: as beside a daemon."""
    made = generated({**BRIDGE, "capabilities": {"mac": True, "ips": False}}, capabilities={"bandwidth": True})
    assert made | {"plugins": []} == {
        "name": "multus-cni-network",
        "cniVersion": "1.0.0",
        "cniVersions": ["1.0.0", "1.1.0"],
        "plugins": [],
    }
    assert made["plugins"][0]["capabilities"] == {"bandwidth": True, "mac": True}
    assert generated(cniVersion="0.4.0", overrideNetworkName=True)["name"] == "net"
    assert generated(cniVersion="0.4.0")["cniVersion"] == "0.4.0"


def test_what_matters_to_calls_is_in_it_and_what_only_a_daemon_has_is_not() -> None:
    """F79, S16: `confDir` under its own name, and times and logs, since no other file is read."""
    of_calls = {
        "binDir": "/opt/bin",
        "cniDir": "/state",
        "confDir": "/etc/cni/multus/net.d",
        "namespaceIsolation": True,
        "globalNamespaces": "a,b",
        "multusNamespace": "networks",
        "readinessindicatorfile": "/run/ready",
        "logFile": "/var/log/calls",
        "logLevel": "debug",
        "logToStderr": False,
        "logOptions": {"maxSize": 5},
        "apiTimeout": 5.0,
        "pluginTimeout": 6.0,
        "sideBySide": False,
    }
    of_daemons = {
        "socketDir": "/run/a",
        "daemonSocketDir": "/run/a",
        "daemonTimeout": 3,
        "chrootDir": "/hostroot",
        "cniConfigDir": "/host/a",
        "multusAutoconfigDir": "/host/a",
        "multusMasterCNI": "10-net.conflist",
        "connectionLimit": 5,
        "metricsPort": 9000,
        "delegates": [BRIDGE],
        "program": "/another",
    }
    made = plugin(**of_calls, **of_daemons)
    mine = {"type": "plurimus", "program": PROGRAM, "kubeconfig": KUBECONFIG, "delegates": [BRIDGE]}
    assert made == of_calls | mine
    read = config.parse(json.dumps(made).encode())
    assert (read.daemon.api_timeout, read.daemon.log_options.max_size, read.warnings) == (5.0, 5, ())


@pytest.mark.parametrize("keys", [{"defaultNetworks": ["data"]}, {"auxiliaryCNIChainName": "chain"}])
def test_what_only_counts_beside_a_path_gets_one(keys: dict[str, Any]) -> None:
    """F79: instead of being ignored."""
    made = plugin(**keys)
    assert made["clusterNetwork"] == PATH
    assert "delegates" not in made
    assert keys.items() <= made.items()


def test_without_a_cluster_there_is_no_kubeconfig() -> None:
    """F79."""
    assert "kubeconfig" not in plugin(kubeconfig="")


@pytest.mark.parametrize("kind", ["plurimus", "multus", "multus-shim", "own"])
def test_a_default_network_that_delegates_is_refused(kind: str) -> None:
    """S35."""
    with pytest.raises(ConfigError, match="cannot be the default network"):
        generated({**BRIDGE, "type": kind}, type="own")


def test_a_default_network_too_old_for_the_version_asked_for_is_refused() -> None:
    """F79, F70."""
    with pytest.raises(ConfigError, match=r"delegate cni version is 0\.3\.1"):
        generated({**BRIDGE, "cniVersion": "0.3.1"}, cniVersion="1.0.0")
