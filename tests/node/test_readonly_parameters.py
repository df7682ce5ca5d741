"""Kernel parameters in a container that is not privileged: its own /proc/sys is read-only, the node's root is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .pods import POD, two_interfaces
from .snapshot import run

pytestmark = pytest.mark.usefixtures("root")

CONTAINER = """
mount --bind /proc "$1/proc" && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys || exit 2
shift; exec "$@"
"""
WRITING = """if True:
    import sys
    from pathlib import Path
    from plurimus.adapters import netns, parameters, sysctls
    from plurimus.core.config import DaemonConfig
    from plurimus.node import drivers
    pod, root = sys.argv[1:]
    folder = "/proc/sys/net/ipv4/conf/net1"
    try:
        Path("/proc/sys/net/ipv4/conf/lo/arp_filter").write_text("0")
    except OSError as error:
        assert error.strerror == "Read-only file system"
    else:
        raise AssertionError("this is no container")
    drivers.plugins(DaemonConfig(), chroot=root)
    sysctls.write(pod, {"net/ipv4/conf/net1/arp_filter": "1"})
    announce = f"{folder}/arp_announce"
    assert netns.visit(pod, lambda: parameters.exchange({announce: "2"})) == {announce: "0"}
    assert netns.visit(pod, lambda: parameters.read(f"{folder}/arp_filter")) == "1"
"""


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def test_parameters_are_set_below_the_nodes_root(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    script = [sys.executable, "-c", WRITING, POD, str(tmp_path)]
    inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINER, "sh", str(tmp_path), *script]
    done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    values = [f"/proc/sys/net/ipv4/conf/net1/{key}" for key in ("arp_filter", "arp_announce")]
    assert run("ip", "netns", "exec", Path(POD).name, "cat", *values).split() == ["1", "2"]
