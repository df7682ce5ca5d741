"""A node without a daemon: every verb, with the real plugins, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .daemon import SHIM, Node
from .links import BRIDGE
from .process import PATIENCE
from .runtime import Answer
from .scripts import FAIL, PASS_ON
from .thin import ThinNode


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory, node_config: dict[str, Any]) -> Iterator[ThinNode]:
    if os.geteuid() != 0:
        pytest.fail("this test needs root: it makes network namespaces; run `make test` as root")
    with ThinNode(tmp_path_factory.mktemp("node"), **node_config) as node:
        yield node


def test_a_pod_is_attached_checked_and_deleted_by_three_processes(node: ThinNode) -> None:
    """F1, F2, F3, F36, F40, F79: with the record, the result cache, the status and the events of a daemon."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    before = node.snapshot()
    result = pod.add()
    assert [each["name"] for each in result["interfaces"] if each.get("sandbox")] == ["eth0"]
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"], "net1": ["10.10.0.2/24"]}
    assert pod.recorded() == ["pods", "default/rail"]
    assert pod.cached("rail", "net1")["result"]["ips"][0]["address"] == "10.10.0.2/24"
    assert [each["name"] for each in pod.network_status()] == ["pods", "default/rail"]
    assert [reason for reason, _ in pod.events()] == ["AddedInterface", "AddedInterface"]
    pod.check()
    pod.delete()
    node.is_as(before)
    assert list((node.state / ".locks").iterdir()) == []


def test_the_default_route_goes_where_the_pod_wants_it(node: ThinNode) -> None:
    """F45, S1."""
    node.network("rail", node.macvlan())
    pod = node.sandbox([{"name": "rail", "default-route": ["10.10.0.254"]}])
    pod.add()
    assert pod.default_routes() == {("10.10.0.254", "net1")}
    assert pod.cached("pods", "eth0")["result"].get("routes", []) == []


@pytest.mark.parametrize("version", ["0.2.0", "0.3.1", "1.0.0"])
def test_the_result_is_in_the_version_the_runtime_asked_in(node: ThinNode, version: str) -> None:
    """F7: not in that of the default network, as Multus' thin plugin has it."""
    result = node.sandbox(version=version, cluster_network=node.bridge(cniVersion="0.4.0")).add()
    assert result["cniVersion"] == version
    addresses = [result["ip4"]["ip"]] if version < "0.3" else [each["address"] for each in result["ips"]]
    assert addresses == ["10.244.0.2/24"]


def test_a_failed_attachment_undoes_the_others(node: ThinNode) -> None:
    """F90, S20: the plugin's own code and words."""
    node.script("broken", FAIL + 'if env["CNI_COMMAND"] == "ADD":\n    fail(117, "no luck")\n')
    node.network("rail", node.macvlan())
    node.network("never", {"cniVersion": "1.0.0", "type": "broken"})
    pod = node.sandbox("rail,never")
    before = node.snapshot()
    text = pod.call("ADD").refused(117)
    assert "no luck" in text
    assert f"[default/{pod.pod}/{pod.uid}:never]: error adding container to network" in text
    node.is_as(before)


def test_a_delete_that_fails_is_the_runtimes_to_try_again(node: ThinNode) -> None:
    """S5: nobody else would."""
    pod = node.told()
    before = node.snapshot()
    pod.add()
    (node.folder / "refuse").touch()
    assert "told to refuse" in pod.call("DEL").refused(120)
    assert pod.recorded() == ["pods"]
    (node.folder / "refuse").unlink()
    pod.delete()
    node.is_as(before)


def test_what_was_never_made_does_not_keep_its_pod_and_is_paid_by_later_calls(node: ThinNode) -> None:
    """S5: the DEL of a plugin that cannot be called fails as its ADD did."""
    node.script("odd", FAIL + 'fail(118, "cannot read that")\n')
    node.network("odd", {"cniVersion": "1.0.0", "type": "odd"})
    pod = node.sandbox("odd")
    assert "cannot read that" in pod.call("ADD").refused(118)
    pod.delete()
    assert node.spooled() == [f"{pod.id}-eth0.json"]
    node.script("odd", PASS_ON)
    (node.state / ".spool/.tried").unlink()  # as a minute later
    node.sandbox().add()
    assert node.spooled() == []
    assert pod.recorded() == []


def test_what_a_shim_owed_to_a_daemon_is_paid_too(node: ThinNode) -> None:
    """S5: a node that had one."""
    pod = node.sandbox()
    before = node.snapshot()
    pod.add()
    daemonless = {key: value for key, value in pod.netconf.items() if key != "program"} | {"daemonTimeout": 0.1}
    assert node.call("DEL", daemonless, pod.environment()).succeeded() == {}
    assert node.spooled() == [f"{pod.id}-eth0.json"]
    assert pod.recorded() == ["pods"]
    node.call("STATUS", pod.netconf).succeeded()
    assert node.spooled() == []
    node.is_as(before)


def test_status_asks_the_default_network(node: ThinNode) -> None:
    """F4."""
    netconf = node.sandbox().netconf
    assert node.call("STATUS", netconf).succeeded() == {}
    node.script("odd", FAIL + 'fail(51, "not today")\n')
    broken = node.netconf({"cniVersion": "1.1.0", "name": "pods", "type": "odd"})
    assert "not today" in node.call("STATUS", broken).refused(51)


def test_garbage_collection_undoes_what_the_runtime_does_not_know(node: ThinNode) -> None:
    """F5, S18."""
    known, unknown = node.sandbox(), node.sandbox()
    for pod in (known, unknown):
        pod.add()
    valid = [{"containerID": known.id, "ifname": "eth0"}]
    node.call("GC", {**known.netconf, "cni.dev/valid-attachments": valid}).succeeded()
    assert (known.recorded(), unknown.recorded()) == (["pods"], [])
    assert unknown.addresses() == {}
    known.delete()


def test_garbage_collection_frees_addresses_whose_sandboxes_are_on_no_record(node: ThinNode) -> None:
    """Of the default network, and of all that pods on record have; there is no sweep without a daemon."""
    node.network("rail", node.macvlan())
    known = node.sandbox("rail")
    known.add()
    before = node.snapshot()
    for path in ("pods/10.244.0.99", "rail/10.10.0.99"):
        (node.ipam / path).write_text(f"{'d' * 64}\r\nnet1")
    valid = [{"containerID": known.id, "ifname": ifname} for ifname in ("eth0", "net1")]
    node.call("GC", {**known.netconf, "cni.dev/valid-attachments": valid}).succeeded()
    node.is_as(before)
    known.check()


def test_a_host_namespace_is_refused(node: ThinNode) -> None:
    """Spec section 1.2: code 8, before anything is done."""
    pod = node.sandbox()
    pod.netns, kept = "/proc/self/ns/net", pod.netns
    assert "host's own" in pod.call("ADD").refused(8)
    pod.netns = kept
    assert BRIDGE in node.links()


@pytest.mark.parametrize(
    ("keys", "more", "code", "words"),
    [
        pytest.param({"name": "node"}, "}", 6, "stdin", id="no-json"),
        pytest.param({}, "", 7, "missing network name", id="no-name"),
        pytest.param({"name": "node", "logLevel": "loud"}, "", 7, "'logLevel' is 'loud'", id="wrong-value"),
        pytest.param({"name": "node", "cniDir": 5}, "", 7, "cniDir", id="wrong-type"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_refused(
    node: ThinNode, keys: Mapping[str, Any], more: str, code: int, words: str
) -> None:
    """Spec section 1.2: also where only the process can tell."""
    stdin = json.dumps({"program": str(node.program), **keys}) + more
    done = subprocess.run(
        [SHIM], input=stdin.encode(), env={"CNI_COMMAND": "STATUS", "CNI_PATH": str(node.bin)},
        capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert words in Answer(done.returncode, done.stdout).refused(code)


def test_logs_are_rotated_as_the_configuration_says(node: ThinNode) -> None:
    """S40: also where each call opens the file anew."""
    pod = node.sandbox()
    node.log.write_text('{"event": "%s"}\n' % ("x" * 2**20))
    pod.netconf["logOptions"] = {"maxSize": 1, "compress": False}
    pod.add()
    assert Path(f"{node.log}.1").stat().st_size > 2**20
    assert [json.loads(line)["event"] for line in node.log.read_text().splitlines()] == ["attached"]
    Path(f"{node.log}.1").unlink()


def test_a_thick_configuration_beside_it_asks_its_daemon(node: Node) -> None:
    """S38: the same shim, which says in time that there is none."""
    conf = {"cniVersion": "1.1.0", "name": "node", "daemonSocketDir": "/run/nowhere", "daemonTimeout": 0.1}
    assert "daemon is not ready" in node.call("STATUS", conf).refused(11)
