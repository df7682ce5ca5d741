"""A disk that cannot read what it has: a clear error that names the file, and nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .process import eventually
from .runtime import Sandbox
from .surroundings import Preloaded, pod_of
from .test_sweep import gc

pytestmark = pytest.mark.usefixtures("root")


@contextmanager
def unreadable(node: Preloaded, path: Path) -> Iterator[None]:
    """Every read of a file fails with EIO."""
    node.read_fails.write_text(str(path))
    try:
        yield
    finally:
        node.read_fails.unlink()


def lease(node: Preloaded, network: str) -> Path:
    (found,) = (node.ipam / network).glob("10.*")
    return found


def is_forgotten(pod: Sandbox) -> bool:
    return not pod.record.exists()


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Preloaded]:
    with Preloaded(tmp_path) as node:
        yield node
        node.reset()


def test_a_record_that_cannot_be_read_loses_nothing_and_is_told(broken: Preloaded) -> None:
    pod = pod_of(broken)
    before = broken.snapshot()
    pod.add()
    made = broken.snapshot()
    with unreadable(broken, pod.record):
        for verb in ("CHECK", "DEL", "ADD"):
            assert f"cannot read {pod.record}: Input/output error" in pod.call(verb).refused(5)
            assert broken.snapshot() == made
    pod.check()
    pod.delete()
    broken.is_as(before)


def test_a_record_that_a_start_cannot_read_is_undone_once_it_can(broken: Preloaded) -> None:
    pod, living = pod_of(broken), broken.sandbox()
    living.add()
    before = broken.snapshot()
    del before[f"namespace {pod.name}"]
    pod.add()
    broken.stop()
    broken.lose(pod)
    with unreadable(broken, pod.record):
        broken.start()
        eventually(lambda: f"cannot read {pod.record}: Input/output error" in broken.log.read_text(), broken.snapshot)
        assert not is_forgotten(pod)
        living.check()
    eventually(lambda: is_forgotten(pod), broken.log.read_text)
    broken.is_as(before)


def test_a_lease_that_cannot_be_read_is_not_given_back_unseen(broken: Preloaded) -> None:
    pod, other = pod_of(broken), pod_of(broken)
    before = broken.snapshot()
    pod.add()
    mine = lease(broken, "driver")
    with unreadable(broken, mine):
        other.add()
        assert other.addresses()["net1"] != pod.addresses()["net1"]
        other.delete()
        assert f"cannot read {mine}: Input/output error" in pod.call("DEL").refused(5)
        assert mine.exists()
        assert pod.recorded() == ["default/driver"]
    pod.delete()
    broken.is_as(before)


def test_a_pod_of_two_leases_is_not_deleted_while_one_cannot_be_read(broken: Preloaded) -> None:
    """What can be freed is, and CHECK and the sweep say which cannot be read; other pods do not mind."""
    broken.network("both", broken.macvlan(ipam=broken.host_local("10.10.0.0/24", "fd00:10::/64")))
    pod, other = broken.sandbox("both"), broken.sandbox("both")
    before = broken.snapshot()
    pod.add()
    (mine,), (free,) = ((broken.ipam / "both").glob(each) for each in ("fd00:*", "10.*"))
    told = f"cannot read {mine}: Input/output error"
    with unreadable(broken, mine):
        assert told in pod.call("CHECK").refused(5)
        other.add()
        other.check()
        other.delete()
        for _ in range(2):
            assert told in pod.call("DEL").refused(5)
            assert not free.exists()
            assert mine.exists()
        (odd,) = gc(broken, "--dry-run")["odd"]
        assert f"host-local, network 'both': {told}" in odd
    pod.delete()
    broken.is_as(before)


def test_a_cached_result_that_cannot_be_read_keeps_no_pod(broken: Preloaded) -> None:
    """What it says is on record, too."""
    pod = pod_of(broken)
    before = broken.snapshot()
    pod.add()
    (result,) = (broken.state / "results").glob("driver-*")
    with unreadable(broken, result):
        pod.delete()
    broken.is_as(before)
