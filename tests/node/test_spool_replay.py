"""DELs of the real shim while the real daemon is away, and what the next daemon makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .process import Daemon, eventually

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as made:
        made.start()
        yield made


def pays(daemon: Daemon) -> None:
    """Wait until nothing is owed; what was set aside is hidden."""
    eventually(lambda: not [name for name in daemon.spooled() if name[0] != "."], daemon.log.read_text)


@pytest.mark.parametrize("ended", [Daemon.stop, Daemon.kill], ids=["stopped", "killed"])
def test_a_del_while_the_daemon_is_away_is_paid_at_its_start(daemon: Daemon, ended: Callable[[Daemon], None]) -> None:
    """S5: once, and with what is on record; pod and namespace may have gone meanwhile."""
    sandbox = daemon.pod()
    sandbox.add()
    ended(daemon)
    sandbox.delete()
    sandbox.delete()
    assert daemon.made() == [f"ADD {sandbox.id}"]
    assert (daemon.spooled(), sandbox.recorded()) == ([f"{sandbox.id}-eth0.json"], ["pods"])
    daemon.forget(sandbox.pod)
    daemon.start()
    pays(daemon)
    assert daemon.made() == [f"ADD {sandbox.id}", f"DEL {sandbox.id}"]
    assert sandbox.recorded() == []
    eventually(lambda: bool(daemon.logged("paid a spooled DEL")), daemon.log.read_text)
    assert [line["name"] for line in daemon.logged("paid a spooled DEL")] == [f"{sandbox.id}-eth0.json"]


def test_debts_outlive_a_daemon_that_is_killed_while_it_pays(daemon: Daemon) -> None:
    """S5: what was not finished is begun again."""
    sandbox = daemon.pod()
    sandbox.add()
    daemon.kill()
    sandbox.delete()
    (daemon.folder / "started").unlink()
    (daemon.folder / "wait").touch()
    daemon.start()
    eventually((daemon.folder / "started").exists, daemon.log.read_text)
    daemon.kill()
    daemon.go()
    assert (daemon.spooled(), sandbox.recorded()) == ([f"{sandbox.id}-eth0.json"], ["pods"])
    daemon.start()
    pays(daemon)
    assert daemon.made()[-1] == f"DEL {sandbox.id}"
    assert sandbox.recorded() == []


def test_a_del_that_a_dying_daemon_did_not_answer_is_paid(daemon: Daemon) -> None:
    """S5: the shim had delivered it, and spools it when the connection breaks."""
    sandbox = daemon.pod()
    sandbox.add()
    shim = daemon.begin(sandbox, "DEL")
    daemon.kill()
    assert shim.communicate(timeout=30) == (b"", None)
    assert (shim.returncode, daemon.spooled()) == (0, [f"{sandbox.id}-eth0.json"])
    daemon.go()
    daemon.start()
    pays(daemon)
    assert sandbox.recorded() == []


def test_a_new_add_of_the_sandbox_voids_the_debt(daemon: Daemon) -> None:
    """S5: what the runtime asked for last counts; what the DEL would have undone is undone by the ADD."""
    sandbox = daemon.pod()
    sandbox.add()
    daemon.kill()
    sandbox.delete()
    daemon.refuse_to_delete(True)
    daemon.start()
    eventually(lambda: bool(daemon.logged("a spooled DEL failed and will be tried again")), daemon.log.read_text)
    assert daemon.spooled() == [f"{sandbox.id}-eth0.json"]
    daemon.refuse_to_delete(False)
    sandbox.add()
    assert daemon.spooled() == []
    daemon.stop()
    daemon.start()
    daemon.pod().add()  # whatever was due at the start has been paid by now
    assert [call for call in daemon.made() if call.endswith(sandbox.id)] == [
        f"{verb} {sandbox.id}" for verb in ("ADD", "DEL", "ADD")
    ]
    assert sandbox.recorded() == ["pods"]


def test_a_spooled_file_that_cannot_be_read_is_set_aside_and_reported(daemon: Daemon) -> None:
    """S5: it is kept for a person to look at, and keeps nobody else's debt."""
    sandbox = daemon.pod()
    sandbox.add()
    daemon.stop()
    sandbox.delete()
    torn = daemon.state / ".spool/torn-eth0.json"
    torn.write_bytes(b'{"env": {')
    daemon.start()
    pays(daemon)
    assert daemon.spooled() == [".torn-eth0.json.unreadable"]
    (reported,) = daemon.logged("a spooled DEL cannot be read")
    assert (reported["level"], reported["kept_as"]) == ("error", f"{torn.parent}/.torn-eth0.json.unreadable")
    assert sandbox.recorded() == []


def test_half_a_file_of_a_shim_that_was_killed_is_nobodys_debt(daemon: Daemon) -> None:
    """S5: the shim had not said that it succeeded."""
    spool = daemon.state / ".spool"
    spool.mkdir()
    (spool / ".sandbox-eth0.4711").write_bytes(b'{"env"')
    daemon.stop()
    daemon.start()
    daemon.pod().add()
    assert daemon.spooled() == [".sandbox-eth0.4711"]
    assert [line for line in daemon.lines() if line["level"] in ("warning", "error")] == []
