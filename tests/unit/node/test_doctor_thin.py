"""What `plurimus doctor` finds on a node without a daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from plurimus.node.examine import OK, PROBLEM

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
    patient.answers["/readyz"] = 500
    return patient


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
    [(None, "No such file"), ("", "cannot be run"), ("A=b\n/nowhere/python\n", "'/nowhere/python' cannot be run")],
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


async def test_a_plugin_of_the_default_network_that_is_missing_is_a_problem(alone: Patient) -> None:
    """F79: it stands in the configuration itself."""
    (Path(alone.config["binDir"]) / "bandwidth").unlink()
    assert "bandwidth" in (await alone.complaint()).text
