"""What `plurimus doctor` finds, and what it says to do about it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from plurimus.node import doctor
from plurimus.node.doctor import DEFINITIONS, OLD_TOKEN, PODS
from plurimus.node.examine import OK, PROBLEM, WARNING, Finding
from tests import kubeconfigs

from ..core import primaries
from ..core.primaries import CALICO, CILIUM

OURS = "00-plurimus.conflist"


class Patient:
    """A node in good health: folders, programs, a daemon's socket and an API server."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "daemon.json"
        self.net, self.bin, self.state, self.socket = (folder / name for name in ("net.d", "bin", "state", "run"))
        for made in (self.net, self.bin, self.state, self.socket):
            made.mkdir()
        self.config: dict[str, Any] = {
            "multusAutoconfigDir": str(self.net),
            "cniConfigDir": str(self.net),
            "binDir": str(self.bin),
            "cniDir": str(self.state),
            "socketDir": str(self.socket),
            "kubeconfig": str(folder / "kubeconfig"),
            "apiTimeout": 2,
        }
        for name in ("plurimus", "calico", "bandwidth", "portmap"):
            self.program(name)
        (self.net / CALICO).write_bytes(primaries.content(CALICO))
        self.configuration(OURS, "plurimus", clusterNetwork=str(self.net / CALICO))
        self.token = folder / "token"
        self.token.write_text("secret")
        self.answers = {"/readyz": 200, "/status": 200, DEFINITIONS: 200, PODS: 200}
        self.status: dict[str, Any] = {"unknownOptions": []}
        self.asked: list[str] = []
        self.rdma = ""

    def program(self, name: str) -> None:
        (self.bin / name).write_text("#!/bin/sh\n")
        (self.bin / name).chmod(0o755)

    def configuration(self, name: str, kind: str, **keys: Any) -> None:
        """A list with one plugin."""
        document = {"cniVersion": "1.0.0", "name": "node", "plugins": [{"type": kind, **keys}]}
        (self.net / name).write_text(json.dumps(document))

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        said = self.status if request.path == "/status" else {"kind": "List"}
        return web.json_response(said, status=self.answers[request.path])

    def server(self, url: str) -> None:
        """Where the API server is, in the kubeconfig."""
        kubeconfigs.write(Path(self.config["kubeconfig"]), url, user={"tokenFile": str(self.token)})

    async def findings(self) -> list[Finding]:
        self.path.write_text(json.dumps(self.config))
        return await doctor.findings(self.path, now=time.time(), rdma_mode=lambda: self.rdma)

    async def complaints(self) -> list[Finding]:
        return [finding for finding in await self.findings() if finding.level != OK]

    async def complaint(self) -> Finding:
        """The only thing that is wrong."""
        found = await self.complaints()
        assert len(found) == 1, found
        assert found[0].todo
        return found[0]


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Patient]:
    made = Patient(tmp_path)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(made.socket / "multus.sock")).start()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = next(address for address in runner.addresses if isinstance(address, tuple))[:2]
    made.server(f"http://{host}:{port}")
    yield made
    await runner.cleanup()


async def test_a_node_in_good_health_has_nothing_to_do(patient: Patient) -> None:
    """Each thing it looked at is named."""
    found = await patient.findings()
    assert {finding.level for finding in found} == {OK}
    assert [finding.subject for finding in found] == [
        "configuration", "daemon", "cni folder", "plugin", "plugin", "plugin", "plugin", "token", "cluster", "cluster",
        "records", "spool",
    ]  # fmt: skip
    assert not any(finding.todo for finding in found)


@pytest.mark.parametrize("content", [None, "{", '{"binDir": 5}'])
async def test_a_daemons_file_that_cannot_be_read_is_all_there_is_to_say(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "daemon.json"
    if content is not None:
        path.write_text(content)
    (finding,) = await doctor.findings(path, now=0.0)
    assert (finding.level, finding.subject) == (PROBLEM, "configuration")
    assert finding.text.startswith(str(path))


async def test_a_key_nobody_reads_is_a_warning(patient: Patient) -> None:
    patient.config["multusAutoConfigDirr"] = "/x"
    finding = await patient.complaint()
    assert finding.level == WARNING
    assert "did you mean 'multusAutoconfigDir'?" in finding.text


async def test_a_daemon_that_does_not_answer_is_a_problem(patient: Patient, tmp_path: Path) -> None:
    patient.answers["/readyz"] = 500
    assert "/readyz says 500" in (await patient.complaint()).text
    patient.config["socketDir"] = str(tmp_path / "elsewhere")
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (PROBLEM, "daemon")
    assert f"{tmp_path}/elsewhere/multus.sock" in finding.text


@pytest.mark.parametrize(("by", "text"), [("executable", "the executable ran"), ("driver", "it had no effect")])
async def test_an_option_that_no_driver_knows_is_a_warning(patient: Patient, by: str, text: str) -> None:
    patient.status = {"unknownOptions": [{"type": "macvlan", "key": "colour", "by": by, "calls": 3}]}
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (WARNING, "drivers")
    assert finding.text == f"macvlan: 3 calls had the option 'colour', which the driver does not know; {text}"


@pytest.mark.parametrize("kind", ["failed", "debts"])
async def test_what_the_daemon_cannot_undo_is_a_warning(patient: Patient, kind: str) -> None:
    patient.status = {"recovery": {kind: [{"what": "/state/c1", "why": "the card is away", "tries": 4}]}}
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (WARNING, "recovery")
    assert finding.text == "/state/c1 is not settled after 4 tries: the card is away"


async def test_another_daemon_than_ours_may_have_no_status(patient: Patient) -> None:
    patient.answers["/status"] = 404
    assert await patient.complaints() == []


@pytest.mark.parametrize("name", ["plurimus", "portmap"])
async def test_a_program_that_is_not_there_is_a_problem(patient: Patient, name: str) -> None:
    (patient.bin / name).unlink()
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (PROBLEM, "plugin")
    assert name in finding.text
    assert str(patient.bin) in finding.todo


async def test_a_default_network_that_is_gone_is_a_problem(patient: Patient) -> None:
    """S4: pods wait although the node's configuration stays."""
    (patient.net / CALICO).unlink()
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (PROBLEM, "default network")
    assert str(patient.net / CALICO) in finding.text


async def test_another_programs_file_before_ours_is_a_problem(patient: Patient) -> None:
    """With who seems to have put it there."""
    patient.configuration("00-first.conflist", "cilium-cni")
    finding = await patient.complaint()
    assert finding.level == PROBLEM
    assert f"a runtime reads 00-first.conflist (of Cilium) instead of {OURS}" in finding.text


async def test_a_file_of_multus_before_ours_is_to_be_taken_over(patient: Patient) -> None:
    patient.configuration("00-multus.conf", "multus-shim")
    assert (await patient.complaint()).todo == "plurimus install --replace-multus, or uninstall Multus"


async def test_our_file_renamed_by_cilium_is_a_problem(patient: Patient) -> None:
    """Whether or not the daemon has put it back meanwhile."""
    (patient.net / f"{OURS}.cilium_bak").write_text("{}")
    finding = await patient.complaint()
    assert finding.level == PROBLEM
    assert "`cni.exclusive` to false" in finding.todo
    (patient.net / OURS).unlink()
    (patient.net / CILIUM).write_bytes(primaries.content(CILIUM))
    renamed, missing, *_ = await patient.complaints()
    assert renamed == finding
    assert f"a runtime reads {CILIUM} (of Cilium) instead of {OURS}, which is missing" in missing.text


async def test_others_files_renamed_by_cilium_are_a_warning(patient: Patient) -> None:
    (patient.net / "10-x.conf.cilium_bak").write_text("{}")
    assert (await patient.complaint()).level == WARNING


async def test_an_empty_folder_and_one_without_us_are_problems(patient: Patient) -> None:
    """With the key to give where the daemon keeps no file."""
    del patient.config["multusAutoconfigDir"]
    assert await patient.complaints() == []
    (patient.net / OURS).unlink()
    assert "which does not call plurimus" in (await patient.complaint()).text
    (patient.net / CALICO).unlink()
    assert "has no CNI configuration" in (await patient.complaint()).text


async def test_a_file_of_the_administrator_counts_as_ours(patient: Patient, tmp_path: Path) -> None:
    """F72."""
    patient.config["multusConfigFile"] = str(tmp_path / "05-mine.conflist")
    (patient.net / OURS).rename(patient.net / "05-mine.conflist")
    assert await patient.complaints() == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [(DEFINITIONS, 404, "knows no network attachment definitions"), (PODS, 403, "answered 403"),
     (DEFINITIONS, 500, "answered 500")],
)  # fmt: skip
async def test_what_the_api_server_refuses_is_a_problem(patient: Patient, path: str, status: int, words: str) -> None:
    """With the verb a role lacks, or the definition a cluster lacks."""
    patient.answers[path] = status
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (PROBLEM, "cluster")
    assert words in finding.text


async def test_it_asks_the_api_server_for_no_more_than_it_needs(patient: Patient) -> None:
    await patient.findings()
    assert [asked.partition("&")[0] for asked in patient.asked] == [
        "/readyz", "/status", f"{DEFINITIONS}?limit=1", f"{PODS}?limit=1"
    ]  # fmt: skip


async def test_an_api_server_that_is_not_there_is_a_problem(patient: Patient) -> None:
    patient.server("http://127.0.0.1:1")
    assert {finding.level for finding in await patient.complaints()} == {PROBLEM}


async def test_a_kubeconfig_that_is_not_there_is_a_problem(patient: Patient, tmp_path: Path) -> None:
    patient.config["kubeconfig"] = str(tmp_path / "missing")
    assert f"kubeconfig {tmp_path}/missing" in (await patient.complaint()).text


async def test_a_token_that_nobody_renews_is_a_warning(patient: Patient) -> None:
    """The daemon reads it anew, but somebody must write it."""
    then = time.time() - OLD_TOKEN - 3600
    os.utime(patient.token, (then, then))
    finding = await patient.complaint()
    assert (finding.level, finding.subject) == (WARNING, "token")
    assert "25.0 hours old" in finding.text


async def test_a_token_that_is_missing_is_a_problem(patient: Patient) -> None:
    patient.token.unlink()
    assert (await patient.complaints())[0].subject == "token"


async def test_a_folder_of_manifests_is_a_cluster(patient: Patient, tmp_path: Path) -> None:
    patient.config["manifests"] = str(tmp_path)
    assert await patient.complaints() == []
    patient.config["manifests"] = str(tmp_path / "missing")
    assert (await patient.complaint()).subject == "cluster"


async def test_what_is_owed_and_what_was_unreadable_is_a_warning(patient: Patient) -> None:
    """S5, S6."""
    (patient.state / "sandbox1").write_text("[]")
    (patient.state / ".sandbox2.unreadable").write_text("")
    (patient.state / ".spool").mkdir()
    (patient.state / ".spool/sandbox3-eth0.json").write_text("{}")
    found = {finding.text: finding.level for finding in await patient.findings()}
    assert found[f"1 sandboxes on record in {patient.state}"] == OK
    assert found[f"1 DELs are owed in {patient.state}/.spool"] == WARNING
    assert found[f"set aside as unreadable: {patient.state}/.sandbox2.unreadable"] == WARNING


async def test_definitions_are_listed_for_the_mode_of_rdma_only_in_shared_mode(patient: Patient) -> None:
    patient.rdma = "exclusive"
    assert "rdma" in [finding.subject for finding in await patient.findings()]
    assert len(patient.asked) == 4
    patient.rdma = "shared"
    patient.asked.clear()
    assert await patient.complaints() == []
    assert DEFINITIONS in patient.asked
