"""The command `plurimus`: what each subcommand prints, and how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from plurimus.cli import output
from plurimus.cli.main import root
from plurimus.cni.version import SUPPORTED
from plurimus.version import VERSION

COMMANDS = [
    "daemon", "thin", "approve", "explain", "check", "install", "uninstall", "gc", "doctor", "sandbox", "version",
    "completion",
]  # fmt: skip


def run(*argv: str) -> str:
    """What a subcommand prints."""
    done = CliRunner().invoke(root, argv, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def process(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as people start it."""
    program = [sys.executable, "-m", "plurimus.cli.main", *argv]
    return subprocess.run(program, env=os.environ | env, capture_output=True, text=True, timeout=60, check=False)


def imported(statement: str) -> set[str]:
    """The packages that are imported after `statement`."""
    program = (
        f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def test_version_names_the_release_and_the_cni_versions() -> None:
    """F6."""
    assert run("version") == f"plurimus {VERSION} (CNI 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0)\n"
    assert json.loads(run("version", "--output", "json")) == {"version": VERSION, "cniVersions": list(SUPPORTED)}


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option: str) -> None:
    printed = run(option)
    assert [line.split()[0] for line in printed.partition("Commands:\n")[2].splitlines()] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    assert f"{command} [OPTIONS]" in run(command, "--help")


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(root, ["explane"])
    assert done.exit_code == 2
    assert "No such command 'explane'" in done.output


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete -o"), ("zsh", "#compdef plurimus"), ("fish", "complete ")]
)
def test_completion_prints_a_script_for_each_shell(shell: str, word: str) -> None:
    script = run("completion", shell)
    assert word in script
    assert f"_PLURIMUS_COMPLETE={shell}_complete" in script


def test_the_script_for_bash_is_one(tmp_path: Path) -> None:
    path = tmp_path / "completion"
    path.write_text(run("completion", "bash"))
    assert subprocess.run(["bash", "-n", path], capture_output=True, check=False).stderr == b""


def test_completion_for_another_shell_is_a_usage_error() -> None:
    assert CliRunner().invoke(root, ["completion", "tcsh"]).exit_code == 2


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("plurimus ex", "explain"), ("plurimus sandbox cr", "create"), ("plurimus explain --out", "--output")],
)
def test_a_shell_is_told_how_to_go_on(typed: str, offered: str) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    done = process(_PLURIMUS_COMPLETE="bash_complete", **words)
    assert done.stdout == f"plain,{offered}\n"


def test_what_goes_wrong_is_a_line_on_stderr_and_status_1(tmp_path: Path) -> None:
    config = tmp_path / "daemon.json"
    config.write_text('{"logLevel": "loud"}')
    done = process("explain", "pod", "--config", str(config))
    assert (done.returncode, done.stdout) == (1, "")
    words = "daemon configuration: 'logLevel' is 'loud', expected one of panic, error, verbose, debug"
    assert done.stderr == f"plurimus: {config}: {words}\n"


def test_the_daemon_names_the_file_it_cannot_read(tmp_path: Path) -> None:
    """Spec section 7.5: exit status 1 before anything is done."""
    done = process("daemon", "--config", str(tmp_path / "missing.json"))
    assert done.returncode == 1
    assert done.stderr == f"plurimus: {tmp_path}/missing.json: No such file or directory\n"


def test_the_daemon_carries_no_tables() -> None:
    """Its memory is part of the product."""
    loaded = imported("from plurimus.cli.main import root; root(['daemon', '--help'], standalone_mode=False)")
    assert "h11" in loaded
    assert not loaded & {"rich", "pygments", "markdown_it", "aiohttp"}


def test_the_version_needs_neither_daemon_nor_tables() -> None:
    loaded = imported("from plurimus.cli.main import root; root(['version'], standalone_mode=False)")
    assert not loaded & {"rich", "h11", "yaml", "structlog", "asyncio"}


def test_a_row_is_a_line_where_it_is_no_terminal_however_long() -> None:
    """A program that reads the table finds a long path in one piece."""
    path = "/" + "folder/" * 40
    _, row = output.table([{"path": path, "state": "there"}], ["path", "state"]).splitlines()
    assert row.split() == [path, "there"]
