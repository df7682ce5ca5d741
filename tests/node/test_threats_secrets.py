"""Secrets stay where they were put: whatever goes wrong, nothing that anybody is told has them.

They are in definitions, in CNI_ARGS, in the daemon's environment and in the files that say who it is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import daemonsocket
from tests.collector import Collector, collecting
from tests.patience import SLOWER

from .daemon import PLURIMUS, Node
from .scripts import PASS_ON

pytestmark = pytest.mark.usefixtures("root")

SECRET = "t0p-s3cret-canary"
PATIENCE = 30.0 * SLOWER
SHAPES = [SECRET, base64.b64encode(SECRET.encode()).decode().rstrip("="), repr(SECRET.encode())[2:-1]]
HIDDEN = {"password": SECRET, "auth": {"token": SECRET, "keys": [SECRET]}}
"""What plugins may have in their configuration that we know nothing of."""
FAILURES = {
    "silent": "sys.exit(1)",
    "talks": "print('no json'); sys.exit(1)",
    "lies": "print('[1, 2'); sys.exit(0)",
    "odd": "print('{\"cniVersion\": 7}'); sys.exit(0)",
    "empty": "sys.exit(0)",
    "dies": "os.kill(os.getpid(), 9)",
    "hangs": "import time; time.sleep(600)",
    "refuses": 'print(\'{"code": 7, "msg": "no"}\'); sys.exit(1)',
}
"""Plugins that fail, each in its own way; only their DEL works."""


def definition(**keys: Any) -> str:
    return json.dumps({"cniVersion": "1.0.0", **HIDDEN, **keys})


def definitions(node: Node) -> dict[str, str]:
    """Definitions that cannot be attached, for one reason each."""
    leases = node.host_local("10.10.0.0/24")
    macvlan = {"type": "macvlan", "master": "rail0"}
    found = {kind: definition(type=kind, ipam={**leases, **HIDDEN}) for kind in FAILURES}
    return found | {
        "cutoff": definition(type="macvlan")[:-1],
        "twice": definition(type="macvlan") * 2,
        "nul": definition(type="macvlan").replace("1.0.0", "1.0\\u0000"),
        "deep": definition(type="macvlan", x=SECRET)[:-1] + ', "y": ' + "[" * 500 + "]" * 500 + "}",
        "notype": definition(),
        "wrongtype": definition(type=7),
        "version": definition(type="macvlan", cniVersion="99.0.0"),
        "absent": definition(type="absent"),
        "mode": definition(**macvlan, mode=7),
        "mtu": definition(**macvlan, mtu="big"),
        "noipam": definition(**macvlan, ipam={"type": "absent", **HIDDEN}),
        "range": definition(**macvlan, ipam={"type": "host-local", "subnet": "no", **HIDDEN}),
        "whereabouts": definition(**macvlan, ipam={"type": "whereabouts", "range": "no", **HIDDEN}),
        "chain": json.dumps({"cniVersion": "1.0.0", "plugins": [{**macvlan, "ipam": leases, **HIDDEN},
                                                                {"type": "silent", **HIDDEN}]}),
        "nolist": json.dumps({"cniVersion": "1.0.0", **HIDDEN, "plugins": {"a": SECRET}}),
        "capabilities": definition(**macvlan, capabilities=[SECRET]),
        "cniargs": definition(**macvlan, args={"cni": [SECRET]}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={SECRET}")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        patch.setenv("DATABASE_PASSWORD", SECRET)
        yield made


@pytest.fixture(scope="module")
def shared_node(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("node"), pluginTimeout=1) as node:
        yield node


def write(node: Node, name: str, text: str) -> None:
    """A definition whose text need not be JSON."""
    node.network(name, {})
    path = node.manifests / f"NetworkAttachmentDefinition.default.{name}.yaml"
    path.write_text(path.read_text().replace("config: '{}'", f"config: {json.dumps(text)}"))


def asked(node: Node, pod: str) -> str:
    """What commands print about a node and a pod."""
    config = ["--config", str(node.folder / "daemon.json")]
    commands = [["explain", pod, *config], ["explain", pod, *config, "--output", "json"],
                ["doctor", *config, "--output", "json"], ["gc", *config, "--dry-run", "--json"],
                ["check", pod, *config, "--wait", "0"]]  # fmt: skip
    done = [subprocess.run([PLURIMUS, *each], capture_output=True, text=True, check=False) for each in commands]
    return "".join(each.stdout + each.stderr for each in done)


def is_silent(text: str, about: str) -> None:
    assert text, about
    found = [text[max(0, at - 200) : at + 60] for shape in SHAPES if (at := text.find(shape)) >= 0]
    assert found == [], about


def test_what_fails_tells_no_secret_of_a_definition(node: Node, collector: Collector) -> None:
    """Answers, log, events, status, metrics, commands and traces, for each way to fail."""
    for kind, body in FAILURES.items():
        node.script(kind, f"if env['CNI_COMMAND'] == 'DEL': sys.exit(0)\n{body}\n")
    answers = {}
    for name, text in definitions(node).items():
        write(node, name, text)
        pod = node.sandbox(name)
        answers[name] = pod.call("ADD")
        is_silent(answers[name].stdout.decode(), name)
        if name in ("silent", "cutoff"):
            is_silent(asked(node, pod.pod), f"commands about {name}")
        pod.call("DEL")
    assert {name: each.status for name, each in answers.items()} == dict.fromkeys(answers, 1)
    told(node, collector)


def test_what_goes_well_tells_none_either(node: Node, collector: Collector) -> None:
    node.script("keeper", PASS_ON)
    chain = [{**node.macvlan(), **HIDDEN}, {"type": "keeper", **HIDDEN}]
    node.network("rail", {"cniVersion": "1.0.0", "plugins": chain, **HIDDEN})
    pod = node.sandbox("rail")
    pod.add()
    is_silent(asked(node, pod.pod), "commands")
    pod.delete()
    told(node, collector)


@pytest.mark.parametrize("pair", ["TOKEN={}", "TOKEN={}==", "TOKEN{}", "={}", "TOKEN={};TOKEN", "IgnoreUnknown={}",
                                  *(f"IgnoreUnknown=1;{key}={{}}" for key in ("IP", "GATEWAY", "MAC"))])  # fmt: skip
def test_no_value_of_cni_args_is_told(node: Node, collector: Collector, pair: str) -> None:
    """Also where it is none, as what ends in padding: a runtime may pass on what somebody else wrote."""
    node.network("static", {"cniVersion": "1.0.0", "type": "macvlan", "master": "rail0", "ipam": {"type": "static"}})
    pod = node.sandbox("static")
    env = {**pod.environment(), "CNI_ARGS": pod.environment()["CNI_ARGS"].replace("IgnoreUnknown=1;", "")}
    args = f"{env['CNI_ARGS']};{pair.format(SECRET)}"
    answer = node.call("ADD", pod.netconf, {**env, "CNI_ARGS": args})
    is_silent(answer.stdout.decode(), pair)
    pod.call("DEL")
    told(node, collector, attached=False)


def told(node: Node, collector: Collector, *, attached: bool = True) -> None:
    """What others are told of requests is there, and has no secret; `attached`: a pod had an interface for a while."""
    is_silent(node.log.read_text(), "log")
    status = (node.manifests / "status").rglob("*")
    events = "".join(path.read_text() for path in status if path.is_file())
    is_silent(events or "none", "events")
    assert events or not attached
    socket = Path(node.config["socketDir"]) / "multus.sock"
    for path in ("/status", "/metrics"):
        is_silent(asyncio.run(daemonsocket.fetch(socket, path, timeout=20.0))[1].decode(), path)
    end = time.monotonic() + PATIENCE
    while not collector.spans and time.monotonic() < end:
        time.sleep(0.02)
    is_silent("".join(map(str, collector.spans)), "traces")
