"""One line in the log for each request, whatever came of it; and what is counted of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from plurimus.cni.errors import AttachmentError
from plurimus.core import measured
from plurimus.node.accounts import accounted

from .test_server import Served, serving

ADDED = {
    "admit", "find_pod", "look_up", "plan", "read_record", "look", "record", "attach_default", "attach_others",
    "tell_rdma", "publish", "cache",
}  # fmt: skip
POD = "default/pod/uid-1"


async def _lines(served: Served, path: str, verb: str, **options: Any) -> list[dict[str, Any]]:
    with capture_logs() as lines:
        await served.post(path, verb, **options)
        await asyncio.sleep(0)
    return [dict(line) for line in lines if "steps" in line]


async def test_an_add_is_one_line_with_its_steps_and_what_it_attached(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        served.node.networks("blue", "red")
        before = measured.REQUESTS.count("/cni", "ADD", "0")
        (line,) = await _lines(served, "/cni", "ADD")
    assert (line["event"], line["log_level"], line["verb"], line["code"]) == ("attached", "info", "ADD", 0)
    assert (line["container"], line["pod"], line["handler"]) == ("cid1", POD, "/cni")
    assert line["interfaces"] == ["eth0", "net1", "net2"]
    assert [(each["network"], each["interface"]) for each in line["attachments"]] == [
        ("kube-system/cbr0", "eth0"), ("default/blue", "net1"), ("default/red", "net2")]  # fmt: skip
    assert set(line["steps"]) == ADDED
    assert all(0 <= took <= line["ms"] for name, took in line["steps"].items() if name != "cache")
    assert measured.REQUESTS.count("/cni", "ADD", "0") == before + 1


@pytest.mark.parametrize(
    ("verb", "event", "level", "step"),
    [
        ("DEL", "detached", "info", "detach"),
        ("CHECK", "checked", "info", "check"),
        ("STATUS", "status", "debug", "status"),
        ("GC", "collected", "info", "collect"),
    ],
)
async def test_so_is_each_other_verb(verb: str, event: str, level: str, step: str, tmp_path: Path) -> None:
    """A runtime asks for the status every few seconds, so that is told to who debugs."""
    async with serving(tmp_path) as served:
        await served.post("/cni")
        keep = {"cni.dev/valid-attachments": [{"containerID": "cid1", "ifname": "eth0"}]}
        (line,) = await _lines(served, "/cni", verb, config=served.node.netconf | keep)
    assert (line["event"], line["log_level"], line["verb"], line["code"]) == (event, level, verb, 0)
    assert step in line["steps"]


async def test_a_failure_is_one_line_too_with_code_words_and_how_long_it_took_to_undo(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        served.node.networks("blue")
        served.node.plugins.fail("ADD", ifname="net1", error=AttachmentError("no uplink", code=120))
        before = measured.REQUESTS.count("/cni", "ADD", "plugin")
        (line,) = await _lines(served, "/cni", "ADD")
    assert (line["event"], line["log_level"], line["code"], line["pod"]) == ("request failed", "error", 120, POD)
    assert line["error"].endswith("no uplink")
    assert line["interfaces"] == ["eth0", "net1"]
    assert {"attach_others", "undo"} <= set(line["steps"])
    assert "attachments" not in line
    assert measured.REQUESTS.count("/cni", "ADD", "plugin") == before + 1


async def test_hot_plug_is_a_line_as_well(tmp_path: Path) -> None:
    config = {"cniVersion": "1.1.0", "name": "blue", "type": "blue"}
    async with serving(tmp_path) as served:
        await served.post("/cni")
        (line,) = await _lines(served, "/delegate", "ADD", config=config, env={"CNI_IFNAME": "net9"})
        assert (line["event"], line["handler"], line["interfaces"]) == ("attached", "/delegate", ["net9"])
        (line,) = await _lines(served, "/delegate", "DEL", config=config, env={"CNI_IFNAME": "net9"})
        assert (line["event"], line["handler"], line["interfaces"]) == ("detached", "/delegate", ["net9"])


async def test_what_is_no_request_is_a_line_without_a_pod(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        with capture_logs() as lines:
            async with served.client.post("http://plurimus/cni", data=b"{") as answer:
                assert answer.status == 400
    (line,) = [line for line in lines if "steps" in line]
    assert (line["event"], line["code"], line["steps"]) == ("request failed", 6, {})


async def test_a_fault_of_ours_is_a_line_with_where_it_was() -> None:
    before = measured.REQUESTS.count("/cni", "ADD", "internal")
    with capture_logs() as lines, suppress(ZeroDivisionError), accounted("/cni") as account:
        account.about({"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "a"})
        raise ZeroDivisionError
    (line,) = lines
    assert (line["event"], line["code"]) == ("request failed for a reason nobody foresaw", 999)
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert measured.REQUESTS.count("/cni", "ADD", "internal") == before + 1


async def test_one_that_is_cancelled_is_a_line_and_runs_no_more() -> None:
    running = measured.REQUESTS_RUNNING.value()

    async def request() -> None:
        with accounted("/cni") as account:
            account.about({"CNI_COMMAND": "DEL", "CNI_CONTAINERID": "a"})
            await asyncio.Event().wait()

    task = asyncio.create_task(request())
    await asyncio.sleep(0)
    assert measured.REQUESTS_RUNNING.value() == running + 1
    with capture_logs() as lines:
        task.cancel()
        await asyncio.wait([task])
    (line,) = lines
    assert (line["event"], line["log_level"], line["verb"]) == ("request cancelled", "warning", "DEL")
    assert measured.REQUESTS_RUNNING.value() == running
