"""A node that does without a daemon: what is put there for its calls, round by round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from plurimus.adapters import kubeconfig
from plurimus.adapters.cnifolder import CniFolder
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import ConfigError
from plurimus.core import config
from plurimus.node import thin
from plurimus.node.thin import Keeper

from ..core import primaries
from ..core.primaries import FLANNEL

PROGRAM = ["/opt/plurimus/bin/python3", "-I", "-m", "plurimus.cli.cni"]


class Folder:
    """A CNI folder as a container sees it, below `host`; its identity is in `account`."""

    def __init__(self, folder: Path, **keys: Any) -> None:
        self.host, self.account = folder / "host", folder / "account"
        self.path = self.host / "etc/cni/net.d"
        self.path.mkdir(parents=True)
        self.account.mkdir()
        (self.account / "ca.crt").write_text("authority")
        (self.account / "token").write_text("first\n")
        self.access = Access("https://10.96.0.1:443", ca=self.account / "ca.crt", token_file=self.account / "token")
        self.keys = {"multusAutoconfigDir": str(self.path), "cniConfigDir": str(self.path)} | keys
        self.time = 1000.0
        self.keeper = self.make()

    def make(self, *, access: bool = True, root: Path | None = None) -> Keeper:
        return Keeper(
            config.parse(json.dumps(self.keys).encode()),
            root=root or self.host,
            program=PROGRAM,
            access=self.access if access else None,
            clock=lambda: self.time,
        )

    def install(self, name: str, **keys: Any) -> None:
        (self.path / name).write_bytes(primaries.content(name, **keys))

    def look(self) -> list[str]:
        """The next round; what it logs."""
        self.time += 1.0
        with capture_logs() as logs:
            self.keeper.look()
        return [" ".join(str(value) for value in line.values()) for line in logs]

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*") if path.is_file())

    def plugin(self) -> dict[str, Any]:
        (plugin,) = json.loads((self.path / "00-plurimus.conflist").read_bytes())["plugins"]
        assert isinstance(plugin, dict)
        return plugin

    def kept(self, name: str) -> Path:
        return self.path / "plurimus.d" / name


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_node_has_all_that_its_calls_need(folder: Folder) -> None:
    """F79, S16: for root only, and by the paths of the node, not of the container."""
    folder.install(FLANNEL)
    folder.look()
    folder.keeper.check()
    assert folder.files() == ["00-plurimus.conflist", FLANNEL, "plurimus.d/kubeconfig", "plurimus.d/program"]
    assert {(folder.path / name).stat().st_mode & 0o777 for name in folder.files() if name != FLANNEL} == {0o600}
    (default,) = folder.plugin()["delegates"]
    assert default == json.loads(primaries.content(FLANNEL))
    assert folder.plugin() | {"delegates": None} == {
        "type": "plurimus",
        "program": "/etc/cni/net.d/plurimus.d/program",
        "kubeconfig": "/etc/cni/net.d/plurimus.d/kubeconfig",
        "capabilities": {"portMappings": True},
        "delegates": None,
    }
    assert folder.kept("program").read_text().splitlines() == PROGRAM
    read = kubeconfig.load(folder.kept("kubeconfig"))
    assert read == Access("https://10.96.0.1:443", ca=b"authority", token="first")
    assert folder.look() == []


@pytest.mark.parametrize("file", ["token", "ca.crt"])
def test_a_renewed_identity_is_written_at_once(folder: Folder, file: str) -> None:
    """F80, S15: without any switch."""
    folder.install(FLANNEL)
    folder.look()
    (folder.account / file).write_text("second")
    assert len(folder.look()) == 1
    read = kubeconfig.load(folder.kept("kubeconfig"))
    assert (read.token, read.ca) == (("second", b"authority") if file == "token" else ("first", b"second"))


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_an_identity_that_cannot_be_read_leaves_the_last_one(folder: Folder, content: str | None) -> None:
    """F80, S4: said once, and that it is over is seen in the file."""
    folder.install(FLANNEL)
    folder.look()
    before = folder.kept("kubeconfig").read_bytes()
    token = folder.account / "token"
    if content is None:
        token.unlink()
    else:
        token.write_text(content)
    (said,) = folder.look()
    assert str(token) in said
    assert folder.look() == []
    assert folder.kept("kubeconfig").read_bytes() == before
    with pytest.raises(ConfigError, match="account/token"):
        folder.keeper.check()
    token.write_text("third")
    folder.look()
    folder.keeper.check()


def test_no_configuration_is_there_before_what_it_refers_to(folder: Folder) -> None:
    """S3: pods that start meanwhile would fail, or have one network alone."""
    folder.install(FLANNEL)
    (folder.account / "token").unlink()
    folder.look()
    assert folder.files() == [FLANNEL, "plurimus.d/program"]
    with pytest.raises(ConfigError):
        folder.keeper.check()
    (folder.account / "token").write_text("first")
    folder.look()
    assert "00-plurimus.conflist" in folder.files()


@pytest.mark.parametrize("name", ["00-plurimus.conflist", "plurimus.d/program", "plurimus.d/kubeconfig"])
def test_what_another_program_takes_away_is_put_back(folder: Folder, name: str) -> None:
    """S3."""
    folder.install(FLANNEL)
    folder.look()
    before = (folder.path / name).read_bytes()
    (folder.path / name).unlink()
    folder.look()
    assert (folder.path / name).read_bytes() == before
    (folder.path / name).write_text("something else")
    folder.time += 60
    folder.look()
    assert (folder.path / name).read_bytes() == before


def test_a_torn_default_network_leaves_the_last_configuration(folder: Folder) -> None:
    """F79, S4: and a mended one is taken over."""
    folder.install(FLANNEL)
    folder.look()
    before = folder.plugin()
    (folder.path / FLANNEL).write_text("")
    folder.look()
    assert folder.plugin() == before
    folder.install(FLANNEL, cniVersion="1.0.0")
    folder.look()
    assert folder.plugin()["delegates"][0]["cniVersion"] == "1.0.0"


def test_a_default_network_that_delegates_is_refused(folder: Folder) -> None:
    """S35."""
    (folder.path / "10-other.conf").write_text('{"cniVersion": "1.0.0", "name": "a", "type": "multus"}')
    folder.look()
    with pytest.raises(ConfigError, match="delegates and cannot be the default network"):
        folder.keeper.check()


def test_without_a_default_network_there_is_an_error_to_end_with(folder: Folder) -> None:
    """S16: for who looks once."""
    folder.look()
    with pytest.raises(ConfigError, match="no default network yet"):
        folder.keeper.check()


def test_without_a_cluster_there_is_no_kubeconfig(folder: Folder) -> None:
    """F79."""
    folder.install(FLANNEL)
    folder.keeper = folder.make(access=False)
    folder.look()
    folder.keeper.check()
    assert "kubeconfig" not in folder.plugin()
    assert not folder.kept("kubeconfig").exists()


def test_a_kubeconfig_that_others_keep_is_named_as_it_is(tmp_path: Path) -> None:
    """F79: and the container's own identity is not written anywhere."""
    folder = Folder(tmp_path, kubeconfig="/etc/node/kubeconfig")
    env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert thin.access(config.parse(json.dumps(folder.keys).encode()), env) is None
    assert thin.access(config.parse(b"{}"), env) is not None
    folder.keeper = folder.make(access=False)
    folder.install(FLANNEL)
    folder.look()
    assert folder.plugin()["kubeconfig"] == "/etc/node/kubeconfig"


def test_a_folder_that_cannot_be_written_is_named_once(folder: Folder) -> None:
    """S16: also by who means to stay, and marks it."""
    folder.path.rename(folder.host / "before")
    folder.path.write_text("")
    with capture_logs() as logs:
        for _ in range(3):
            folder.keeper.look(stay=True)
    assert [line["log_level"] for line in logs if "plurimus.d" in line.get("wrong", "")] == ["warning"]
    with pytest.raises(ConfigError, match=f"{folder.path}/plurimus.d"):
        folder.keeper.check()
    folder.path.unlink()
    (folder.host / "before").rename(folder.path)
    folder.keeper.look(stay=True)
    assert CniFolder(folder.path / "plurimus.d").is_held()


def test_folders_that_are_not_the_nodes_are_refused(folder: Folder, tmp_path: Path) -> None:
    """F79: the node would be told a path it does not have."""
    with pytest.raises(ConfigError, match="--host-root"):
        folder.make(root=tmp_path / "elsewhere")


def test_a_file_that_asks_for_no_configuration_gets_a_warning(tmp_path: Path) -> None:
    """Decision 14: whoever writes one by hand is told where its program is."""
    with capture_logs() as logs:
        keeper = Keeper(
            config.parse(json.dumps({"cniConfigDir": str(tmp_path)}).encode()),
            root=Path("/"),
            program=PROGRAM,
            access=None,
            clock=lambda: 0.0,
        )
        keeper.look()
        keeper.check()
    assert f'"program": "{tmp_path}/plurimus.d/program"' in logs[0]["todo"]
    assert [path.name for path in tmp_path.iterdir()] == ["plurimus.d"]
