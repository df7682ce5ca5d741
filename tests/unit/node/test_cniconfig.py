"""Keeping the node's CNI configuration, round by round: made, remade, never torn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plurimus.adapters.confdir import ConfDirectories
from plurimus.cni.errors import Code, ConfigError
from plurimus.core import config
from plurimus.node import cniconfig

from ..core import primaries
from ..core.primaries import CALICO, CILIUM, FLANNEL
from .cnifolder import OURS, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_it_is_made_from_the_default_networks(folder: Folder) -> None:
    """F65, F66: for root only, and nothing else is left in the folder."""
    folder.install(FLANNEL)
    folder.look()
    path = str(folder.path / FLANNEL)
    assert folder.ours() == {"type": "plurimus", "clusterNetwork": path, "capabilities": {"portMappings": True}}
    assert (folder.path / OURS).stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in folder.path.iterdir()) == [OURS, FLANNEL]
    assert folder.status() is None


def test_without_a_default_network_it_waits_and_says_so(folder: Folder) -> None:
    """F65, F70: in the log once, and on STATUS, until there is one."""
    (said,) = folder.look()
    assert "no default network yet" in said
    assert folder.look() == []
    error = folder.status()
    assert error is not None
    assert error.code == Code.PLUGIN_NOT_AVAILABLE
    assert f"{folder.path}/{OURS} is not in place: {folder.path}: no default network yet" in error.msg
    folder.install(FLANNEL)
    assert len(folder.look()) == 3
    assert folder.network() == FLANNEL
    assert folder.status() is None


def test_it_follows_the_default_networks_file(folder: Folder) -> None:
    """F70, F66: capabilities that are gone are not advertised any more."""
    folder.install(FLANNEL)
    folder.look()
    folder.install(FLANNEL, plugins=[{"type": "flannel", "capabilities": {"bandwidth": True}}])
    folder.look()
    assert folder.ours()["capabilities"] == {"bandwidth": True}


def test_it_follows_the_files_in_a_lists_folder_as_well(folder: Folder) -> None:
    """F70, F66: plugins of a list may lie beside it (CNI 1.1)."""
    folder.install(CILIUM)
    folder.look()
    assert "capabilities" not in folder.ours()
    (folder.path / "cilium").mkdir()
    (folder.path / "cilium/10.conf").write_text('{"type": "portmap", "capabilities": {"portMappings": true}}')
    folder.look()
    assert folder.ours()["capabilities"] == {"portMappings": True}


def test_a_file_that_comes_before_becomes_the_default_network(folder: Folder) -> None:
    """F70: one that comes behind does not."""
    folder.install(FLANNEL)
    folder.look()
    (folder.path / "87-podman.conflist").write_bytes(primaries.content(CALICO))
    folder.look()
    assert folder.network() == FLANNEL
    folder.install(CILIUM)
    folder.look()
    assert folder.network() == CILIUM


@pytest.mark.parametrize("content", [b"", b'{"name": "cbr0", "plu', b'{"name": "cbr0"}', None])
def test_a_torn_or_missing_default_network_changes_nothing(folder: Folder, content: bytes | None) -> None:
    """S4: the last good content stays, the log says so once."""
    folder.install(FLANNEL)
    folder.look()
    good = (folder.path / OURS).read_bytes()
    if content is None:
        (folder.path / FLANNEL).unlink()
        (folder.path / "87-podman.conflist").write_bytes(primaries.content(CALICO))
    else:
        (folder.path / FLANNEL).write_bytes(content)
    (said,) = folder.look()
    assert "the last good one stays" in said
    assert FLANNEL in said
    assert folder.look() == []
    assert (folder.path / OURS).read_bytes() == good
    folder.install(FLANNEL, plugins=[{"type": "flannel"}])
    folder.look()
    assert "capabilities" not in folder.ours()


def test_a_torn_file_at_the_start_leaves_the_content_of_the_daemon_before(folder: Folder) -> None:
    """S3, S4: our file is there from the last run, and never empty in between."""
    (folder.path / OURS).write_bytes(b"of the daemon before")
    (folder.path / FLANNEL).write_bytes(b"{")
    folder.look()
    assert (folder.path / OURS).read_bytes() == b"of the daemon before"
    folder.install(FLANNEL)
    folder.look()
    assert folder.network() == FLANNEL


def test_the_default_network_may_be_named(tmp_path: Path) -> None:
    """F67: and is waited for by that name."""
    folder = Folder(tmp_path, multusMasterCNI=FLANNEL)
    folder.install(CILIUM)
    (said,) = folder.look()
    assert f"{tmp_path}/{FLANNEL}: no such file" in said
    folder.install(FLANNEL)
    folder.look()
    assert folder.network() == FLANNEL


def test_the_version_of_the_default_network_is_rewritten_in_place(tmp_path: Path) -> None:
    """F69, S4: the rest as it was; one that is torn is left alone."""
    folder = Folder(tmp_path, forceCNIVersion=True, cniVersion="1.0.0")
    folder.install(FLANNEL)
    folder.look()
    (tmp_path / FLANNEL).write_text("{")
    (said,) = folder.look()
    assert f"{tmp_path}/{FLANNEL}: " in said
    folder.install(FLANNEL)
    folder.look()
    assert json.loads((tmp_path / FLANNEL).read_bytes()) == primaries.FILES[FLANNEL] | {"cniVersion": "1.0.0"}
    assert folder.network() == FLANNEL


def test_a_default_network_that_delegates_is_never_written(folder: Folder) -> None:
    """S35: STATUS names file and plugin."""
    (folder.path / "10-other.conf").write_text('{"cniVersion": "0.3.1", "name": "x", "type": "multus"}')
    folder.look()
    assert not (folder.path / OURS).exists()
    error = folder.status()
    assert error is not None
    assert f"{folder.path}/10-other.conf: its plugin 'multus' delegates" in error.msg


def test_a_file_of_the_administrator_is_installed_as_it_is(tmp_path: Path) -> None:
    """F72, S11, S4: followed like a default network's, and kept when it is torn."""
    source, target = tmp_path / "70-mine.conf", tmp_path / "net.d"
    folder = Folder(target, multusConfigFile=str(source))
    folder.look()
    error = folder.status()
    assert error is not None
    assert f"multusConfigFile {source}: No such file or directory" in error.msg
    for content in ('{"cniVersion": "0.3.1", "name": "a", "type": "multus"}', '{"name": "b", "type": "plurimus"}\n'):
        source.write_text(content)
        folder.look()
        assert (target / source.name).read_text() == content
        assert folder.status() is None
    source.write_text("{")
    folder.look()
    assert (target / source.name).read_text() == '{"name": "b", "type": "plurimus"}\n'
    assert [entry.name for entry in target.iterdir()] == [source.name]


@pytest.mark.parametrize("keys", [{}, {"cniConfigDir": "/etc/cni/net.d"}, {"multusConfigFile": "/net.d/00-a.conf",
                                                                            "cniConfigDir": "/net.d"}])  # fmt: skip
def test_nothing_is_kept_where_nothing_is_asked_for(keys: dict[str, str]) -> None:
    """F72: nor where the file is in its place already."""
    assert cniconfig.make(config.parse(json.dumps(keys).encode()), ConfDirectories(), lambda: 0.0) is None


def test_a_version_no_runtime_knows_is_refused_at_the_start(tmp_path: Path) -> None:
    """F65."""
    with pytest.raises(ConfigError, match="'cniVersion' is '0\\.5\\.0', expected one of"):
        Folder(tmp_path, cniVersion="0.5.0")


def test_what_a_take_over_left_goes_when_ours_is_there(folder: Folder) -> None:
    """S3: and not before, so that there is a configuration all along; others' files stay, with a warning."""
    bridging, multus = folder.path / "00-plurimus.conf", folder.path / "00-multus.conf"
    for path in (bridging, multus):
        path.write_text("{}")
    folder.look()
    assert bridging.exists()
    folder.install(FLANNEL)
    logged = folder.look()
    assert not bridging.exists()
    assert multus.exists()
    assert any("a runtime reads 00-multus.conf instead of 00-plurimus.conflist" in line for line in logged)


def test_a_folder_that_cannot_be_written_is_told_by_status(tmp_path: Path) -> None:
    """S20: with the path and the system's words."""
    (tmp_path / "file").write_text("")
    (tmp_path / "net.d").mkdir()
    folder = Folder(tmp_path / "net.d", cniConfigDir=str(tmp_path / "file/below"))
    folder.install(FLANNEL)
    folder.look()
    error = folder.status()
    assert error is not None
    assert error.code == Code.PLUGIN_NOT_AVAILABLE
    assert f"{tmp_path}/file/below" in error.msg
    assert "Not a directory" in error.msg
