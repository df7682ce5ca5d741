"""CNI configurations on disk: by name, by path, with the plugins of a sub-directory."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters.confdir import ConfDirectories
from plurimus.cni.errors import ConfigError

CONFDIR = ConfDirectories()


def write(path: Path, **keys: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(keys))
    return str(path)


def conf(path: Path, name: str, kind: str) -> str:
    return write(path, cniVersion="1.0.0", name=name, type=kind)


def conflist(path: Path, name: str, *types: str, **keys: Any) -> str:
    return write(path, cniVersion="1.0.0", name=name, plugins=[{"type": kind} for kind in types], **keys)


@pytest.mark.parametrize("suffix", ["conf", "json"])
def test_the_first_file_with_the_name_counts(suffix: str, tmp_path: Path) -> None:
    """F15: in file-name order, the name being that in the file."""
    conf(tmp_path / f"20.{suffix}", "net", "second")
    conflist(tmp_path / "15.conflist", "other", "x")
    conf(tmp_path / f"10.{suffix}", "net", "first")
    conf(tmp_path / "net.conf", "another", "x")
    found = CONFDIR.find(str(tmp_path), "net")
    assert found is not None
    assert found.types == ("first",)


def test_lists_and_single_configurations_are_looked_through_together(tmp_path: Path) -> None:
    """F15, F46: one pass, not lists first."""
    conf(tmp_path / "10.conf", "net", "single")
    conflist(tmp_path / "20.conflist", "net", "list")
    found = CONFDIR.find(str(tmp_path), "net")
    assert found is not None
    assert found.single


@pytest.mark.parametrize("name", ["10.txt", "10.conf.bak", "conf", "10.CONF"])
def test_other_files_are_not_read(name: str, tmp_path: Path) -> None:
    """F15."""
    conf(tmp_path / name, "net", "x")
    (tmp_path / "dir.conf").mkdir()
    assert CONFDIR.find(str(tmp_path), "net") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "net"}', '{"name": "net", "type": 5}', "\udcff"])
def test_a_broken_file_spoils_no_other(content: str, tmp_path: Path) -> None:
    """F15, S28."""
    (tmp_path / "00.conf").write_text(content, errors="surrogateescape")
    (tmp_path / "01.conf").symlink_to(tmp_path / "missing")
    conf(tmp_path / "10.conf", "net", "good")
    found = CONFDIR.find(str(tmp_path), "net")
    assert found is not None
    assert found.types == ("good",)


def test_no_file_can_have_so_long_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        CONFDIR.load(str(tmp_path / ("a" * 300)))


def test_a_folder_that_is_missing_has_nothing(tmp_path: Path) -> None:
    """F15."""
    (tmp_path / "file").write_text("")
    assert CONFDIR.find(str(tmp_path / "missing"), "net") is None
    assert CONFDIR.find(str(tmp_path / "file"), "net") is None


def test_a_path_to_a_file_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F16: relative to where the daemon runs."""
    path = conf(tmp_path / "any.name", "net", "x")
    monkeypatch.chdir(tmp_path)
    assert CONFDIR.load(path) == CONFDIR.load("./any.name")
    assert CONFDIR.load(path).types == ("x",)


def test_a_path_to_a_folder_is_its_first_file(tmp_path: Path) -> None:
    """F16."""
    conf(tmp_path / "20.conf", "b", "second")
    conflist(tmp_path / "10.conflist", "a", "first")
    conf(tmp_path / "00.txt", "c", "x")
    assert CONFDIR.load(str(tmp_path)).name == "a"


@pytest.mark.parametrize("kind", ["missing", "empty-folder"])
def test_a_path_to_nothing_is_an_error_that_names_it(kind: str, tmp_path: Path) -> None:
    """F16, F90."""
    (tmp_path / "empty-folder").mkdir()
    with pytest.raises(ConfigError, match=f"{tmp_path}/{kind}"):
        CONFDIR.load(str(tmp_path / kind))


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "net"}', '{"name": "net", "plugins": []}', "\udcff"])
@pytest.mark.parametrize("name", ["a.conf", "a.conflist"])
def test_a_broken_file_that_is_wanted_is_named(name: str, content: str, tmp_path: Path) -> None:
    """F16, S28: the cause is kept."""
    path = tmp_path / name
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(ConfigError) as caught:
        CONFDIR.load(str(path))
    assert caught.value.msg.startswith(f"{path}: ")


def test_plugins_of_the_sub_directory_follow(tmp_path: Path) -> None:
    """F9: `*.conf` alone, in name order, whatever leads to the list."""
    path = conflist(tmp_path / "10.conflist", "net", "inlined")
    write(tmp_path / "net/20.conf", type="b")
    write(tmp_path / "net/10.conf", type="a", capabilities={"ips": True})
    write(tmp_path / "net/05.conflist", type="x")
    write(tmp_path / "net/05.json", type="x")
    by_name = CONFDIR.find(str(tmp_path), "net")
    for found in (CONFDIR.load(path), CONFDIR.load(str(tmp_path)), by_name):
        assert found is not None
        assert found.types == ("inlined", "a", "b")
        assert found.plugins[1]["capabilities"] == {"ips": True}


def test_a_list_may_have_all_its_plugins_in_the_sub_directory(tmp_path: Path) -> None:
    """F9."""
    path = write(tmp_path / "10.conflist", cniVersion="1.1.0", name="net")
    write(tmp_path / "net/10.conf", type="a")
    assert CONFDIR.load(path).types == ("a",)
    (tmp_path / "net/10.conf").unlink()
    with pytest.raises(ConfigError, match="no plugins, neither in the file nor beside it"):
        CONFDIR.load(path)


@pytest.mark.parametrize("flag", [True, "true", "True"])
def test_a_list_may_forbid_it(flag: object, tmp_path: Path) -> None:
    """F9: loadOnlyInlinedPlugins."""
    path = conflist(tmp_path / "10.conflist", "net", "inlined", loadOnlyInlinedPlugins=flag)
    write(tmp_path / "net/10.conf", type="a")
    assert CONFDIR.load(path).types == ("inlined",)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"type": "a/b"}'])
def test_a_malformed_file_in_the_sub_directory_is_an_error(content: str, tmp_path: Path) -> None:
    """F9: a chain with a plugin missing would be another network."""
    path = conflist(tmp_path / "10.conflist", "net", "inlined")
    (tmp_path / "net").mkdir()
    (tmp_path / "net/10.conf").write_text(content)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        CONFDIR.load(path)


def test_a_single_configuration_has_no_sub_directory(tmp_path: Path) -> None:
    """F9."""
    path = conf(tmp_path / "10.conf", "net", "x")
    write(tmp_path / "net/10.conf", type="a")
    assert CONFDIR.load(path).types == ("x",)


@pytest.mark.parametrize("name", ["../outside", "a/b", "..", ""])
def test_a_name_leads_to_no_other_folder(name: str, tmp_path: Path) -> None:
    """F9: the name of a list is part of a path."""
    path = conflist(tmp_path / "in/10.conflist", name, "inlined")
    write(tmp_path / "outside/10.conf", type="a")
    with pytest.raises(ConfigError, match="network name"):
        CONFDIR.load(path)


def test_an_auxiliary_chain_is_its_files_behind_an_empty_head(tmp_path: Path) -> None:
    """F23."""
    assert CONFDIR.chain(str(tmp_path), "aux", "1.0.0") is None
    write(tmp_path / "aux/10.conf", type="a")
    found = CONFDIR.chain(str(tmp_path), "aux", "1.0.0")
    assert found is not None
    assert (found.name, found.cni_version, found.types) == ("aux", "1.0.0", ("passthru", "a"))


async def test_a_file_is_waited_for(tmp_path: Path) -> None:
    """F21: looked for at once, and as long as is wanted."""
    ready = tmp_path / "ready"
    assert await CONFDIR.wait_for(str(ready), 0) is False
    assert await CONFDIR.wait_for(str(ready), 0.05) is False
    waiting = asyncio.create_task(CONFDIR.wait_for(str(ready), 30))
    await asyncio.sleep(0)
    ready.touch()
    assert await waiting is True
    assert await CONFDIR.wait_for(str(ready), 0) is True
