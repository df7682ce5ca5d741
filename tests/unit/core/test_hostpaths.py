"""Which places of the host a definition may name (threat model: a hostile definition author)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import conf
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError
from plurimus.core import hostpaths

from .builders import config, node

OUT = (
    "/etc/cron.d",
    "/",
    "/etc",
    "relative",
    "../etc",
    "/var/lib/cni/../../../etc",
    "//etc",
    "/var/lib/cni/\0/etc",
    "/var/lib/kubelet/pods/x/volumes",
    "/proc/1/root/etc",
    "/run/../etc/cron.d",
    "/var/lib/cni/multus",
    "/var/lib/cni/multus/.spool",
    "/var/lib/cni/./results//x",
    "/var/lib/cni/sriov",
    "/run/systemd/system",
    "/var/run/udev/rules.d",
    "/home/x",
    "/root/.ssh",
    "/opt/cni/bin",
    "/var/spool/cron",
    "/run/lock/x",
)


def limited(config: NetworkConfig, **keys: Any) -> NetworkConfig:
    return hostpaths.limited(config, node(**keys))


def host_local(**keys: Any) -> NetworkConfig:
    return config("net", ipam={"type": "host-local", **keys})


@pytest.mark.parametrize("path", OUT)
@pytest.mark.parametrize("key", ["dataDir", "DATADIR", "cniDir", "binDir", "socketDir"])
def test_what_is_written_stays_where_plugins_keep_their_state(key: str, path: str) -> None:
    for made in (
        host_local(**{key: path}),
        config("net", **{key: path}),
        config("net", chain=2, deep=[{"x": {key: path}}]),
    ):
        with pytest.raises(ConfigError, match=r"where a definition may not lead.*'definitionFolders'"):
            limited(made)


@pytest.mark.parametrize(
    "path", ["/var/lib/cni/networks", "/var/lib/cni/mine/", "/run/cni/x", "/var/run/cni/x", "/run/./cni/tuning", ""]
)
def test_the_usual_places_are_allowed(path: str) -> None:
    made = host_local(dataDir=path)
    assert limited(made) is made


@pytest.mark.parametrize(
    "path",
    [
        "/run/my-orchestrator/container-ipam-state",
        "/mnt/cluster-ipam",
        "/tmp/ipam",
        "/var/tmp/ipam",
        "/data/ipam",
        "/opt/ipam",
        "/var/lib/mine",
        "/var/run/x/",
        "/srv/ipam",
        "/run",
    ],
)
def test_leases_may_be_with_other_state_and_no_other_writing(path: str) -> None:
    made = host_local(dataDir=path)
    assert limited(made) is made
    with pytest.raises(ConfigError, match="'cniDir' is "):
        limited(host_local(cniDir=path))


@pytest.mark.parametrize(("key", "path", "allowed"), [
    ("resolvConf", "/etc/resolv.conf", True),
    ("resolvConf", "/run/systemd/resolve/resolv.conf", True),
    ("resolvConf", "/etc/shadow", False),
    ("resolvConf", "/etc/resolv.conf/../shadow", False),
    ("configuration_path", "/etc/cni/net.d/whereabouts.d/whereabouts.conf", True),
    ("configuration_path", "/root/.kube/config", False),
    ("kubeconfig", "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig", True),
    ("kubeconfig", "/var/lib/kubelet/kubeconfig", False),
    ("dataDir", "/etc/cni/net.d", False),
])  # fmt: skip
def test_what_is_only_read_may_be_the_files_meant_for_that(key: str, path: str, *, allowed: bool) -> None:
    made = host_local(**({"kubernetes": {key: path}} if key == "kubeconfig" else {key: path}))
    if allowed:
        assert limited(made) is made
    else:
        with pytest.raises(ConfigError, match=f"'{key}' is "):
            limited(made)


@pytest.mark.parametrize("name", ["multus", "results", "cache", "sriov"])
def test_no_networks_name_makes_a_folder_of_others_of_it(name: str) -> None:
    made = config(name, ipam={"type": "host-local", "dataDir": "/var/lib/cni"})
    with pytest.raises(ConfigError, match="none that others have"):
        limited(made)


def test_the_folder_of_records_is_nobodys_wherever_it_is() -> None:
    made = host_local(dataDir="/var/lib/cni/records/x")
    assert limited(made) is made
    with pytest.raises(ConfigError, match="dataDir"):
        limited(made, cniDir="/var/lib/cni/records/")


@pytest.mark.parametrize("key", ["logFile", "log_file", "log-file", "LOGFILE", "log_file_path"])
@pytest.mark.parametrize(
    "path", ["/etc/cron.d/x", "/tmp/whereabouts.log", "/var/log/x", "relative.log", "/var/lib/cni/x"]
)
def test_a_log_elsewhere_is_left_out_and_the_network_works(key: str, path: str) -> None:
    made = config("net", chain=2, ipam={"type": "whereabouts", "range": "10.0.0.0/24", key: path}, **{key: path}, mtu=9)
    quiet = limited(made)
    assert path not in quiet.encode().decode()
    assert [plugin["mtu"] for plugin in quiet.plugins] == [9, 9]
    assert quiet.plugins[0]["ipam"] == {"type": "whereabouts", "range": "10.0.0.0/24"}
    assert set(hostpaths.lost_logs(made, quiet)) == {path}
    assert limited(made) is quiet
    assert path in made.encode().decode()


def test_the_administrator_allows_folders() -> None:
    made = config("net", logFile="/var/log/net.log", ipam={"type": "host-local", "dataDir": "/export/shared"})
    allowed = limited(made, definitionFolders=["/export/", "/var/log"])
    assert (allowed is made, hostpaths.lost_logs(made, allowed)) == (True, [])
    assert limited(made, definitionFolders=["/"]) is made
    for folders in ([], ["/exp"], ["/export/shared/deeper", "/export/share"]):
        with pytest.raises(ConfigError, match="dataDir"):
            limited(made, definitionFolders=folders)


@pytest.mark.parametrize("key", ["dataDir", "logFile"])
def test_a_path_has_its_most_length(key: str) -> None:
    with pytest.raises(ConfigError, match="5009 characters, more than a path can have"):
        limited(config("net", **{key: "/run/cni/" + "a" * 5000}), definitionFolders=["/"])


@pytest.mark.parametrize("kind", ["plurimus", "multus", "multus-shim"])
@pytest.mark.parametrize("nest", ["ipam", "delegate"])
def test_no_plugin_calls_plurimus_for_a_definition(kind: str, nest: str) -> None:
    """Else the shim would get a configuration with `program` or `daemonSocketDir` of the definition's choice."""
    made = config("net", **{nest: {"type": kind}})
    with pytest.raises(ConfigError, match=f"{kind}.*Plurimus would call itself"):
        limited(made, definitionFolders=["/"])


@given(st.text(alphabet=st.sampled_from("/.\0acdeinrvlbu~ "), max_size=40))
def test_no_spelling_of_a_path_leads_out(path: str) -> None:
    made = conf.parse({"cniVersion": "1.0.0", "name": "net", "type": "x", "dataDir": f"/run/cni/{path}"})
    try:
        limited(made)
    except ConfigError:
        return
    assert "\0" not in path
    here: list[str] = []
    for part in f"run/cni/{path}".split("/"):
        if part == "..":
            del here[-1:]
        elif part not in ("", "."):
            here.append(part)
    if here[:2] == ["var", "run"]:
        del here[0]
    assert here[:1] in (["run"], ["mnt"], ["srv"]) or here[:2] == ["var", "lib"]
