"""Whether a namespace has ended is told by its identity, for others may have its path by then."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns
from plurimus.adapters.kernel import NamespaceKernel

pytestmark = pytest.mark.usefixtures("root")

KERNEL = NamespaceKernel()


async def cookie_of(path: str) -> str:
    cookie, _ = await KERNEL.look(path)
    return cookie


@pytest.fixture
def path(root: None) -> Iterator[str]:
    made = "/run/netns/identified"
    netns.create(made)
    yield made
    netns.delete(made)
    Path(made).unlink(missing_ok=True)


async def test_one_that_lives_is_not_gone(path: str) -> None:
    cookie = await cookie_of(path)
    assert [await KERNEL.is_gone(path, known) for known in (cookie, "")] == [False, False]


@pytest.mark.parametrize("leftover", [False, True])
async def test_one_that_ended_is_gone_even_where_it_left_its_file(path: str, leftover: bool) -> None:
    cookie = await cookie_of(path)
    netns.delete(path)
    if leftover:
        Path(path).touch()
    assert [await KERNEL.is_gone(path, known) for known in (cookie, "")] == [True, True]


async def test_one_whose_path_another_has_is_gone_as_far_as_its_identity_is_known(path: str) -> None:
    cookie = await cookie_of(path)
    netns.delete(path)
    netns.create(path)
    assert await cookie_of(path) not in ("", cookie)
    assert [await KERNEL.is_gone(path, known) for known in (cookie, "")] == [True, False]


async def test_one_of_another_boot_is_gone_whoever_has_its_number_and_its_path(path: str) -> None:
    boot, _, number = (await cookie_of(path)).partition("/")
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    before = f"{uuid.uuid4()}/{number}"
    assert [await KERNEL.is_gone(where, before) for where in (path, "/unseen/path")] == [True, True]


async def test_one_out_of_sight_is_not_said_to_be_gone(path: str) -> None:
    cookie = await cookie_of(path)
    assert [await KERNEL.is_gone("/unseen/path", known) for known in (cookie, "")] == [False, False]
    assert not await KERNEL.is_gone("", "")
    assert not await KERNEL.is_gone(f"/{'a' * 300}/path", "")


async def test_one_without_a_path_is_gone_for_only_a_path_leads_to_it(path: str) -> None:
    assert await KERNEL.is_gone("", await cookie_of(path))
