"""Plugins that do what none should, third of three networks: nothing is left of the pod, and the daemon goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .daemon import Node
from .process import eventually
from .runtime import Sandbox

HANG = "import time\ntime.sleep(1000)\n"
FLOOD = """
for _ in range(100):
    os.write(1, b"x" * 2**20)
"""
SIGNAL = "import signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
LEAVES = """
if os.fork() == 0:
    os.setsid()
    with open({pid!r}, "w") as file:
        file.write(str(os.getpid()))
    while True:
        signal.pause()
while not os.path.exists({pid!r}):
    time.sleep(0.01)
"""
PASS = "print(json.dumps(conf['prevResult']))\n"
OTHER = """
result = conf["prevResult"]
for each in result["interfaces"]:
    each["name"] = "other7"
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def node_config() -> dict[str, Any]:
    return {"pluginTimeout": 3}


def pod_of(node: Node, body: str, *, also_del: bool = False) -> Sandbox:
    """Its third network has a plugin with this ADD behind macvlan; its DEL is well, unless it is to do the same."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    head = "import signal, time\n"
    node.script("bad", f"{head}if True:\n{lines}" if also_del else f"{head}if env['CNI_COMMAND'] == 'ADD':\n{lines}")
    node.network("good", node.macvlan())
    node.network("bad", {"cniVersion": "1.1.0", "name": "bad", "plugins": [node.macvlan(1), {"type": "bad"}]})
    return node.sandbox("good,bad")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        pytest.param(HANG, 11, "plugin 'bad' did not end ADD within 3 s; it was ended with its children", id="hangs"),
        pytest.param(FLOOD + PASS, 999, "plugin 'bad' printed more than 16777216 bytes", id="prints-100-MB"),
        pytest.param("print('all is well')\n", 6, "result", id="no-json"),
        pytest.param("pass\n", 6, "result", id="nothing"),
        pytest.param("print('[1]')\n", 6, "result", id="no-result"),
        pytest.param(SIGNAL, 999, "signal: Segmentation fault", id="signal"),
        pytest.param("sys.exit(3)\n", 999, "exit status 3", id="status"),
    ],
)
def test_what_no_plugin_should_do_is_an_error_that_names_pod_and_network(
    node: Node, body: str, code: int, words: str
) -> None:
    pod = pod_of(node, body)
    before = node.snapshot()
    said = pod.call("ADD").refused(code)
    assert said.startswith(f"[{pod.namespace}/{pod.pod}/{pod.uid}:bad]: error adding container to network")
    assert words in said
    node.is_as(before)
    node.script("bad", PASS)
    assert set(pod.add()["interfaces"][-1]) >= {"name"}
    node.script("bad", "")
    pod.delete()
    node.is_as(before)


def test_one_that_leaves_a_child_with_its_output_is_not_waited_for(node: Node, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    pod = pod_of(node, LEAVES.format(pid=str(pid)) + PASS)
    before = node.snapshot()
    pod.add()
    child = int(pid.read_text())
    try:
        assert set(pod.links()) == {"eth0", "net1", "net2"}
        assert Path(f"/proc/{child}").exists(), "what left its group is its own"
    finally:
        os.kill(child, 9)
    pod.delete()
    node.is_as(before)


def test_one_that_tells_of_another_interface_is_believed_and_what_was_asked_for_is_deleted(node: Node) -> None:
    """Plugins that name only their host's end are about; the record goes by what was asked for."""
    pod = pod_of(node, OTHER)
    before = node.snapshot()
    pod.add()
    assert set(pod.links()) == {"eth0", "net1", "net2"}
    pod.delete()
    node.is_as(before)


def test_one_that_hangs_at_del_keeps_its_network_on_record_and_no_other(node: Node) -> None:
    pod = pod_of(node, "if env['CNI_COMMAND'] == 'DEL':\n    time.sleep(1000)\n" + PASS, also_del=True)
    before = node.snapshot()
    pod.add()
    assert "did not end DEL within 3 s" in pod.call("DEL").refused(11)
    assert pod.recorded() == ["default/bad"]
    assert set(pod.links()) == {"net2"}
    node.script("bad", "")
    pod.delete()
    node.is_as(before)


def test_children_of_one_that_hangs_end_with_it(node: Node, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    pod = pod_of(
        node, f"child = subprocess.Popen(['sleep', '1000'])\nopen({str(pid)!r}, 'w').write(str(child.pid))\n" + HANG
    )
    before = node.snapshot()
    pod.call("ADD").refused(11)
    child = Path(f"/proc/{pid.read_text()}")
    eventually(lambda: not child.exists() or "zombie" in (child / "status").read_text(), lambda: "the child lives")
    node.is_as(before)
