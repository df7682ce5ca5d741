"""The container runtime's word about sandboxes, and all that may keep it from speaking."""

from __future__ import annotations

import socket
from pathlib import Path

import grpc
import pytest

from plurimus.adapters.cri import SOCKETS, RuntimeSandboxes
from plurimus.cni.errors import ClusterError
from plurimus.wire.cri import PodSandbox
from tests.criserver import NOT_READY, Runtime, sandbox


def runtimes(root: Path, name: str = "", timeout: float = 60) -> RuntimeSandboxes:
    return RuntimeSandboxes([Path("/nowhere"), root], socket=name, timeout=timeout)


def place(root: Path, path: str = SOCKETS[0]) -> Path:
    return root / path.lstrip("/")


async def test_a_node_without_a_runtime_has_nobody_to_ask(tmp_path: Path) -> None:
    assert await runtimes(tmp_path).listed() is None


async def test_sandboxes_are_listed_whether_they_are_ready_or_not(tmp_path: Path) -> None:
    with Runtime(place(tmp_path), [sandbox("a", "one"), sandbox("b", "two", "ns", NOT_READY)]):
        assert await runtimes(tmp_path).listed() == [
            PodSandbox("a", "default", "one", "uid-one"),
            PodSandbox("b", "ns", "two", "uid-two"),
        ]


async def test_all_runtimes_of_the_node_are_asked_unless_one_is_named(tmp_path: Path) -> None:
    first, second = (Runtime(place(tmp_path, path), [sandbox(path)]) for path in SOCKETS)
    with first, second:
        assert [each.id for each in await runtimes(tmp_path).listed() or []] == list(SOCKETS)
        assert [each.id for each in await runtimes(tmp_path, SOCKETS[1]).listed() or []] == [SOCKETS[1]]


async def test_a_runtime_that_is_named_and_missing_is_silent(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"no socket at /run/mine\.sock, which 'criSocket' names"):
        await runtimes(tmp_path, "/run/mine.sock").listed()


async def test_a_runtime_that_refuses_is_silent_and_named(tmp_path: Path) -> None:
    with Runtime(place(tmp_path)) as runtime:
        runtime.refusal = grpc.StatusCode.UNIMPLEMENTED
        with pytest.raises(ClusterError, match=rf"{place(tmp_path)} does not tell .* not today \(gRPC status 12\)"):
            await runtimes(tmp_path).listed()


async def test_a_socket_nobody_listens_on_is_silent(tmp_path: Path) -> None:
    place(tmp_path).parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place(tmp_path)))
    with pytest.raises(ClusterError, match="gRPC status 14"):
        await runtimes(tmp_path).listed()


async def test_one_that_takes_calls_and_never_answers_is_silent(tmp_path: Path) -> None:
    place(tmp_path).parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(place(tmp_path)))
        mute.listen()
        with pytest.raises(ClusterError, match="no answer within"):
            await runtimes(tmp_path, timeout=0.05).listed()
