"""What happens to a node is seen in its metrics: who waits, what plugins need, leaks, silent pods, what is owed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns

from .process import Daemon, eventually, launch
from .scraped import Samples, scraped

pytestmark = pytest.mark.usefixtures("root")

MIB = 2**20
MAKES_AN_INTERFACE = """
if env["CNI_COMMAND"] == "ADD":
    where = os.path.basename(env["CNI_NETNS"])
    subprocess.run(["ip", "-n", where, "link", "add", "eth0", "type", "bridge"], check=True)
    print(json.dumps({"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": env["CNI_NETNS"]}]}))
"""
NO_INTERFACE = ("plurimus_silent_pods", "no interface")
SANDBOX = "sandbox"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as made:
        yield made


def shows(daemon: Daemon, wanted: Samples) -> None:
    """Wait until the metrics say so."""
    found: Samples = {}

    def is_so() -> bool:
        found.update(scraped(daemon))
        return all(found.get(key) == value for key, value in wanted.items())

    eventually(is_so, lambda: {key: (found.get(key), value) for key, value in wanted.items()})


def of_line(line: str, **numbers: float) -> Samples:
    """The samples of a line of the scheduler; those of a rank have it behind `__`."""
    parts = {name: name.partition("__") for name in numbers}
    return {
        (f"plurimus_schedule_{parts[name][0]}", *sorted(filter(None, (line, parts[name][2])))): value
        for name, value in numbers.items()
    }


def test_the_scheduler_tells_who_waits_and_who_was_begun(daemon: Daemon) -> None:
    """One at a time: what frees is before what takes, and both are seen to wait."""
    daemon.config["connectionLimit"] = 1
    daemon.start()
    pods = [daemon.pod() for _ in range(3)]
    pods[0].add()
    running = [daemon.begin(pods[1], "ADD")]
    shows(daemon, of_line("requests", under_way=1) | of_line("executables", under_way=1))
    running += [launch(pods[2], "ADD"), launch(pods[0], "DEL")]
    shows(daemon, of_line("requests", under_way=1, waiting__other=1, waiting__delete=1, admitted_total__other=2))
    held = scraped(daemon)
    for line in ("requests", "executables"):
        assert held["plurimus_schedule_admitted_bytes", line] >= MIB
    assert held["plurimus_schedule_room_bytes",] > MIB
    assert held["plurimus_memory_free_bytes",] > MIB
    daemon.go()
    for call in running:
        call.communicate()
    assert [call.returncode for call in running] == [0, 0, 0]
    shows(daemon, of_line("requests", under_way=0, waiting__other=0, waiting__delete=0, admitted_bytes=0,
                          admitted_total__other=3, admitted_total__delete=1)
          | of_line("executables", under_way=0, admitted_bytes=0, admitted_total__other=3, admitted_total__delete=1)
          )  # fmt: skip
    assert scraped(daemon)["plurimus_plugin_needed_bytes", "told"] >= MIB


def test_a_sweep_tells_what_it_found_gave_back_and_could_not(daemon: Daemon) -> None:
    daemon.start()
    pods = [daemon.pod() for _ in range(2)]
    for pod in pods:
        pod.add()
        netns.delete(pod.netns)
    daemon.refuse_to_delete(True)
    assert daemon.asks("/gc", b"{}") == 200
    shows(daemon, {("plurimus_leaks_found_total", SANDBOX): 2, ("plurimus_leaks_failed_total", SANDBOX): 2})
    daemon.refuse_to_delete(False)
    assert daemon.asks("/gc", b'{"dryRun": true}') == daemon.asks("/gc", b"{}") == 200
    shows(daemon, {("plurimus_leaks_found_total", SANDBOX): 4, ("plurimus_leaks_failed_total", SANDBOX): 2,
                   ("plurimus_leaks_freed_total", SANDBOX): 2})  # fmt: skip


def test_a_pod_without_an_interface_it_asked_for_is_told_of_until_it_has_it(daemon: Daemon) -> None:
    daemon.script("makes", MAKES_AN_INTERFACE)
    daemon.start()
    pod = daemon.sandbox(cluster_network={"cniVersion": "1.0.0", "name": "pods", "type": "makes"})
    pod.add()
    for change, number in (("", 0), ("delete", 1), ("add", 0)):
        if change:
            pod.ip("link", change, "eth0", *(("type", "bridge") if change == "add" else ()))
        assert daemon.asks("/gc", b"{}") == 200
        shows(daemon, {NO_INTERFACE: number})


def test_what_is_owed_is_told_until_it_is_paid(daemon: Daemon) -> None:
    """A DEL that came while no daemon was there, and a sandbox whose namespace went meanwhile."""
    daemon.start()
    deleted, lost = daemon.pod(), daemon.pod()
    for pod in (deleted, lost):
        pod.add()
    daemon.kill()
    netns.delete(lost.netns)
    deleted.delete()
    daemon.refuse_to_delete(True)
    daemon.start()
    shows(daemon, {("plurimus_spooled_dels",): 1, ("plurimus_half_done_sandboxes",): 1})
    daemon.refuse_to_delete(False)
    shows(daemon, {("plurimus_spooled_dels",): 0, ("plurimus_half_done_sandboxes",): 0})
