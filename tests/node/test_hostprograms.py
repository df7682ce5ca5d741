"""Programs of the host, found and run below its root as a daemon in a container sees that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters.hostprograms import HostPrograms
from plurimus.cni.errors import AttachmentError

from .snapshot import run

pytestmark = pytest.mark.usefixtures("root")

TOOLS = "/opt/tools-of-the-host"
TELLS = '#!/bin/sh\nread -r where </where-am-i\necho "$where $LC_ALL $*"\ncat\n'


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A root with a shell, and tools in a folder that is on $PATH and only there."""
    for name in ("bin", "lib", "lib64"):
        (tmp_path / name).symlink_to(f"usr/{name}")
    (tmp_path / "usr").mkdir()
    (tmp_path / TOOLS[1:]).mkdir(parents=True)
    (tmp_path / "where-am-i").write_text("inside\n")
    monkeypatch.setenv("PATH", f"/usr/bin:/bin:/usr/sbin:/sbin:{TOOLS}")
    run("mount", "--bind", "--options", "ro", "/usr", str(tmp_path / "usr"))
    try:
        yield tmp_path
    finally:
        run("umount", str(tmp_path / "usr"))


def tool(host: Path, name: str, text: str) -> None:
    path = host / TOOLS[1:] / name
    path.write_text(text)
    path.chmod(0o755)


def test_a_program_of_the_host_runs_below_its_root(host: Path) -> None:
    tool(host, "teller", TELLS)
    programs = HostPrograms(host)
    assert programs.find("teller") == f"{TOOLS}/teller"
    done = asyncio.run(programs.run("teller", "a", "b c", stdin="and this"))
    assert (done.status, done.stdout) == (0, b"inside C a b c\nand this")
    assert HostPrograms(Path("/")).find("teller") is None


def test_a_link_on_the_host_leads_to_its_own_files(host: Path) -> None:
    tool(host, "teller", TELLS)
    (host / TOOLS[1:] / "other").symlink_to(f"{TOOLS}/teller")
    done = asyncio.run(HostPrograms(host).run("other"))
    assert done.stdout == b"inside C \n"


def test_what_cannot_be_run_is_told_by_name(host: Path) -> None:
    with pytest.raises(
        AttachmentError, match=rf"the program 'nowhere' is in none of /usr/local/sbin, .*{host}; install"
    ):
        asyncio.run(HostPrograms(host).run("nowhere"))
    tool(host, "slow", "#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(AttachmentError, match=r"the program 'slow' did not end within 0\.1 s") as refused:
        asyncio.run(HostPrograms(host, timeout=0.1).run("slow"))
    assert refused.value.code == 11
