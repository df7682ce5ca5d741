"""What `plurimus doctor` finds on a node without a daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from plurimus.node.doctor import DEFINITIONS_KIND, OF_CALLS
from plurimus.node.examine import OK, PROBLEM, WARNING

from ..core import primaries
from ..core.primaries import CALICO
from .test_doctor import OURS, Patient, patient  # noqa: F401


@pytest.fixture
def alone(patient: Patient) -> Patient:  # noqa: F811
    """The node in good health, without its daemon."""
    (patient.net / "plurimus.d").mkdir()
    (patient.net / "plurimus.d/program").write_text(f"A=b\n{sys.executable}\n-I\n")
    delegates = [json.loads(primaries.content(CALICO))]
    kubeconfig = patient.config.pop("kubeconfig")
    patient.configuration(OURS, "plurimus", delegates=delegates, program=str(patient.net / "plurimus.d/program"),
                          kubeconfig=kubeconfig)  # fmt: skip
    # an object that is not there may be asked for all the same
    patient.answers = {"/readyz": 500, DEFINITIONS_KIND: 200} | {path: 404 for _, path in OF_CALLS}
    return patient


@pytest.fixture
def away(alone: Patient) -> Patient:
    """The node as a container sees it that has the folder of the test in place of the node's root."""
    root = alone.path.parent
    node = {key: "/" + str(Path(alone.config[key]).relative_to(root)) for key in ("binDir", "cniDir")}
    alone.config.update(node)
    kept = alone.net / "plurimus.d"
    (kept / "python").write_text("#!/bin/sh\n")
    (kept / "python").chmod(0o755)
    (kept / "program").write_text("A=b\n/net.d/plurimus.d/python\n-I\n")
    (root / "kubeconfig").rename(kept / "kubeconfig")
    delegates = [json.loads(primaries.content(CALICO))]
    names = {name: f"/net.d/plurimus.d/{name}" for name in ("program", "kubeconfig")}
    alone.configuration(OURS, "plurimus", delegates=delegates, **names)
    return alone


async def test_it_has_nothing_to_do(alone: Patient) -> None:
    """F79: in place of the daemon the program is looked for; the cluster is that of the calls."""
    found = await alone.findings()
    assert {finding.level for finding in found} == {OK}
    assert [finding.subject for finding in found] == [
        "configuration", "program", "cni folder", "plugin", "plugin", "plugin", "plugin", "token", "cluster", "cluster",
        "records", "spool",
    ]  # fmt: skip
    assert sys.executable in found[1].text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("", "no command"),
        ("=x\n/bin/sh\n", "absolute path"),
        ("A=b\n/nowhere/python\n", "'/nowhere/python' cannot be run"),
    ],
)
async def test_a_program_that_cannot_be_run_is_a_problem(alone: Patient, content: str | None, words: str) -> None:
    """F79."""
    path = alone.net / "plurimus.d/program"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    finding = await alone.complaint()
    assert (finding.level, finding.subject) == (PROBLEM, "program")
    assert str(path) in finding.text
    assert words in finding.text


async def test_what_the_node_names_is_looked_for_below_its_root(away: Patient) -> None:
    """F79: in the container of `plurimus thin`."""
    assert await away.complaints() == []
    (away.net / "plurimus.d/python").chmod(0o644)
    assert "'/net.d/plurimus.d/python' cannot be run" in (await away.complaint()).text


async def test_what_is_not_mounted_is_no_problem(away: Patient) -> None:
    """F79: it is named as what cannot be seen."""
    away.config |= {"binDir": "/opt/bin", "cniDir": "/var/lib/state"}
    (away.net / "plurimus.d/program").write_text("/var/lib/python\n")
    found = await away.complaints()
    assert [(finding.level, finding.subject, finding.text) for finding in found] == [
        (WARNING, subject, f"{path} of the node cannot be seen from here")
        for subject, path in [("program", "/var/lib/python"), ("plugin", "/opt/bin"), ("records", "/var/lib/state")]
    ]


@pytest.mark.usefixtures("root")
async def test_what_is_missing_in_a_folder_that_is_mounted_is_a_problem(away: Patient) -> None:
    """F79."""
    folder = away.path.parent / "opt"
    folder.mkdir()
    (Path(folder.parent) / "bin/portmap").unlink()
    (Path(folder.parent) / "bin/portmap").symlink_to("/elsewhere/portmap")
    assert (await away.complaint()).text == "/bin/portmap of the node cannot be seen from here"
    away.config["binDir"] = "/opt/bin"
    subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    try:
        assert {finding.level for finding in await away.complaints()} == {PROBLEM}
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        (DEFINITIONS_KIND, 404, "knows no network attachment definitions"),
        (OF_CALLS[0][1], 403, "answered 403"),
        (OF_CALLS[1][1], 403, "answered 403"),
    ],
)
async def test_what_calls_may_not_get_is_a_problem(alone: Patient, path: str, status: int, words: str) -> None:
    """F79: calls list nothing, so nothing is listed here."""
    alone.answers[path] = status
    finding = await alone.complaint()
    assert (finding.level, finding.subject) == (PROBLEM, "cluster")
    assert words in finding.text


async def test_a_plugin_of_the_default_network_that_is_missing_is_a_problem(alone: Patient) -> None:
    """F79: it stands in the configuration itself."""
    (Path(alone.config["binDir"]) / "bandwidth").unlink()
    assert "bandwidth" in (await alone.complaint()).text
