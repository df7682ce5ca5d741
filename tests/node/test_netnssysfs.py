"""Sysfs of another network namespace, mounted for a moment."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from plurimus.adapters import netns, netnssysfs
from plurimus.adapters.netns import NamespaceError

pytestmark = pytest.mark.usefixtures("root")

POD = "/run/netns/sysfs"
OPEN = Path("/proc/self/fd")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_shows_what_the_namespace_has_and_is_gone_afterwards() -> None:
    netns.create(POD)
    subprocess.run(
        ["ip", "-n", "sysfs", "link", "add", "only-there", "type", "veth", "peer", "name", "other"], check=True
    )
    mounts, files = Path("/proc/self/mountinfo").read_text(), len(names(OPEN))
    with netnssysfs.mounted(POD) as sys:
        assert names(sys / "class/net") == ["lo", "only-there", "other"]
        assert (sys / "class/net/only-there/ifindex").read_text().strip().isdecimal()
        assert Path("/proc/self/mountinfo").read_text() == mounts
    assert "only-there" not in names(Path("/sys/class/net"))
    assert len(names(OPEN)) == files
    netns.delete(POD)


def test_it_cannot_be_written_to() -> None:
    netns.create(POD)
    with netnssysfs.mounted(POD) as sys, pytest.raises(OSError, match="Read-only"):
        (sys / "class/net/lo/mtu").write_text("1000")
    netns.delete(POD)


def test_a_namespace_that_is_gone_is_an_error() -> None:
    with pytest.raises(NamespaceError, match="/run/netns/none"), netnssysfs.mounted("/run/netns/none"):
        pass
