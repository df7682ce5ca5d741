"""The daemon's configuration file, read from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.cni.errors import Code, ConfigError
from plurimus.node import daemon


def test_a_file_is_read(tmp_path: Path) -> None:
    """F64: for the daemon and as what is laid over the runtime's configuration."""
    path = tmp_path / "daemon.json"
    path.write_text('{"chrootDir": "/hostroot", "binDir": "/b", "logLevel": "debug"}')
    loaded = daemon.load(path)
    assert (loaded.daemon.chroot_dir, loaded.daemon.log_level, loaded.overlay["binDir"]) == ("/hostroot", "debug", "/b")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param("{", "daemon configuration: ", id="torn"),
        pytest.param('{"logLevel": "loud"}', "'logLevel' is 'loud', expected one of panic", id="value"),
        pytest.param('{"systemNamespaces": "a"}', "systemNamespaces", id="type"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(content: str | None, words: str, tmp_path: Path) -> None:
    """Spec section 7.5: the administrator is told which file, what and where."""
    path = tmp_path / "daemon.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        daemon.load(path)
    assert caught.value.msg.startswith(f"{path}: ")
    assert words in caught.value.msg
    assert caught.value.code == Code.INVALID_CONFIG


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        daemon.load(tmp_path)
