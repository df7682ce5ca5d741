"""Network namespaces are made, visited and removed, and this process never is in another one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import Code

pytestmark = pytest.mark.usefixtures("root")

OWN = "/proc/self/ns/net"
FOLDER = Path("/run/netns")


@pytest.fixture
def path(root: None) -> str:
    made = str(FOLDER / "made")
    netns.delete(made)
    netns.create(made)
    return made


def propagation(folder: Path) -> list[str]:
    """The optional fields of the topmost mount at `folder`; none where nothing is mounted."""
    found: list[str] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4] == str(folder):
            found = ["mounted", *fields[6 : fields.index("-")]]
    return found


def test_a_new_namespace_is_one_that_ip_knows_with_loopback_down(path: str) -> None:
    assert "made" in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout.split()
    with Netlink.open(path) as netlink:
        assert [(link.name, link.is_up) for link in netlink.links()] == [("lo", False)]
    netns.delete(path)
    assert not Path(path).exists()
    netns.delete(path)


def test_ip_removes_what_was_made_here_and_the_other_way_round(path: str) -> None:
    subprocess.run(["ip", "netns", "del", "made"], check=True)
    assert netns.identity(path) is None
    subprocess.run(["ip", "netns", "add", "made"], check=True)
    netns.delete(path)
    assert not Path(path).exists()


def alone(script: str, *, wrapper: tuple[str, ...]) -> str:
    """What a Python script prints in a process of its own."""
    argv = [*wrapper, sys.executable, "-c", f"from plurimus.adapters import netns\n{script}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_the_folder_becomes_a_shared_mount_once(root: None) -> None:
    script = """
import subprocess, pathlib
subprocess.run(["mount", "-t", "tmpfs", "t", "/run"], check=True)
for name in ("one", "two"):
    netns.create(f"/run/netns/{name}")
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    print([line.split()[6][:7] for line in lines if line.split()[4] == "/run/netns"][-1:], len(lines))
"""
    first, second = alone(script, wrapper=("unshare", "-m", "--propagation", "private")).splitlines()
    assert first.startswith("['shared:'] ")
    assert int(second.split()[-1]) - int(first.split()[-1]) == 1  # the second namespace itself


def test_a_namespace_in_use_is_removed(path: str) -> None:
    handle = netns.open_namespace(path)
    try:
        netns.delete(path)
        assert not Path(path).exists()
    finally:
        os.close(handle)


def test_another_folder_is_left_as_it_is(tmp_path: Path, root: None) -> None:
    made = tmp_path / "deep" / "ns"
    netns.create(str(made))
    assert propagation(made.parent) == []
    netns.delete(str(made))
    made.parent.rmdir()


def test_what_exists_is_not_overwritten(path: str) -> None:
    before = netns.identity(path)
    with pytest.raises(netns.NamespaceError, match=f"{path}.*File exists") as caught:
        netns.create(path)
    assert caught.value.code == Code.INVALID_NETNS
    assert netns.identity(path) == before


def test_nothing_is_left_when_the_kernel_refuses(tmp_path: Path, root: None) -> None:
    made = tmp_path / "refused"
    script = f"""
try:
    netns.create({str(made)!r})
except netns.NamespaceError as error:
    print(error)
"""
    out = alone(script, wrapper=("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"))
    assert out == f"network namespace {made} cannot be made: Operation not permitted\n"
    assert not made.exists()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_is_not_unmounted(path: str, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "folder":
        target.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "t", str(target)], check=True)
    else:
        target.symlink_to(path)
    with pytest.raises(netns.NamespaceError, match="expected a file"):
        netns.delete(str(target))
    assert bool(propagation(target if kind == "folder" else Path(path)))
    if kind == "folder":
        subprocess.run(["umount", str(target)], check=True)


@pytest.mark.parametrize("kind", ["absent", "file", "fifo", "folder", "nul"])
def test_what_is_no_namespace_is_named_with_the_reason(tmp_path: Path, root: None, kind: str) -> None:
    target = tmp_path / "it"
    if kind == "file":
        target.write_text("")
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "folder":
        target.mkdir()
    name = f"{target}\0" if kind == "nul" else str(target)
    with pytest.raises(netns.NamespaceError, match=f"network namespace .*{target}.* cannot be .*: .+") as caught:
        Netlink.open(name)
    assert caught.value.code == Code.INVALID_NETNS


def test_a_namespace_of_another_kind_is_refused(root: None) -> None:
    with pytest.raises(netns.NamespaceError, match="entered: Invalid argument"):
        Netlink.open("/proc/self/ns/uts")


def test_a_visit_is_made_by_another_thread_and_its_failure_is_the_callers(path: str) -> None:
    def where() -> tuple[int, int] | None:
        return netns.identity("/proc/thread-self/ns/net")

    assert netns.visit(path, where) == netns.identity(path)
    assert netns.visit(None, where) == where() == netns.identity(OWN) != netns.identity(path)
    with pytest.raises(ZeroDivisionError):
        netns.visit(path, lambda: 1 // 0)
    assert where() == netns.identity(OWN)


def test_two_paths_of_one_namespace_are_the_same(path: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    assert netns.is_same_namespace(path, str(tmp_path / "link"))
    assert netns.is_same_namespace(OWN, f"/proc/{os.getpid()}/ns/net")
    assert not netns.is_same_namespace(path, OWN)
    assert not netns.is_same_namespace("/run/netns/none", "/run/netns/none")
    assert not netns.is_same_namespace("a\0b", "a\0b")
