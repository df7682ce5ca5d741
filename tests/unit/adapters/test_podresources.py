"""Devices as kubelet tells them: the question, the order, and all that may keep it from answering."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from plurimus.adapters.podresources import FOLDER, SOCKET, KubeletDevices
from plurimus.cni.errors import ClusterError, Code
from plurimus.model.pod import Pod
from tests.allocations import by_resource

from .kubelet import Kubelet, pod

VF, GPU = "intel.com/sriov_rdma", "nvidia.com/gpu"
A, B, C, D = "0000:03:02.0", "0000:03:02.1", "0000:03:02.2", "0000:81:00.7"
POD = Pod("ns", "trainer", "uid-1")
OTHERS = [pod("other", [(VF, [D])]), pod("trainer", [(VF, [D])], namespace="elsewhere")]
TRAINER = pod("trainer", [(VF, [B])], [(VF, [A])])


def source(root: Path, *, timeout: float = 60, pauses: Sequence[float] = (0,)) -> KubeletDevices:
    return KubeletDevices([root], timeout=timeout, pauses=pauses)


async def asked(root: Path, **options: Any) -> Mapping[str, Sequence[str]]:
    return by_resource(await source(root, **options).allocated(POD))


async def refused(root: Path, **options: Any) -> str:
    """The text of the failure, which names the pod and the socket and says what to check."""
    with pytest.raises(ClusterError) as caught:
        await asked(root, **options)
    assert caught.value.code == Code.TRY_AGAIN_LATER
    assert caught.value.msg.startswith(
        f"kubelet at {root / FOLDER.lstrip('/') / SOCKET} does not tell which devices pod ns/trainer has: "
    )
    assert caught.value.msg.endswith("; check kubelet on this node")
    return caught.value.msg


@pytest.mark.parametrize(
    ("get", "methods"),
    [("known", ["Get"]), ("off", ["Get", "List"]), ("unknown", ["List"])],
    ids=["as-of-1.34", "switched-off", "before-1.27"],
)
async def test_the_devices_of_the_pod_are_told_by_every_kubelet(machine: Path, get: str, methods: list[str]) -> None:
    """F51; one question where kubelet knows it."""
    with Kubelet(machine, [*OTHERS, TRAINER], get=get) as kubelet:
        assert await asked(machine) == {VF: [B, A]}
    assert kubelet.asked == methods


async def test_containers_keep_their_order_and_devices_of_one_go_by_their_ids(machine: Path) -> None:
    """F51, S7; kubelet has no order within a container."""
    first, second = [(VF, [D]), (GPU, ["gpu-1"]), (VF, [C])], [(VF, [B, A])]
    with Kubelet(machine, [pod("trainer", first, [], second)]):
        assert await asked(machine) == {VF: [C, D, A, B], GPU: ["gpu-1"]}


async def test_a_device_of_two_numa_nodes_is_one_device(machine: Path) -> None:
    """S8: kubelet tells it once for each of them."""
    with Kubelet(machine, [pod("trainer", [(VF, [B]), (VF, [A]), (VF, [B])])]):
        assert await asked(machine) == {VF: [A, B]}


async def test_a_log_of_all_does_not_have_every_byte_of_a_question(
    machine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Kubelet(machine, [TRAINER]):
        await asked(machine)
    assert [record.name for record in caplog.records if record.name != "asyncio"] == []


async def test_a_pod_without_devices_has_none(machine: Path) -> None:
    with Kubelet(machine, [*OTHERS, pod("trainer", [])]) as kubelet:
        assert await asked(machine) == {}
    assert kubelet.asked == ["Get"]


async def test_a_list_of_three_thousand_pods_is_read(machine: Path) -> None:
    """F51: more than the windows of a connection hold at once."""
    pods = [pod(f"pod-{index}", [(VF, [f"{index:040}"])] * 4) for index in range(3000)]
    with Kubelet(machine, [*pods, TRAINER], get="off"):
        assert await asked(machine) == {VF: [B, A]}


async def test_many_pods_ask_at_the_same_time(machine: Path) -> None:
    with Kubelet(machine, [pod(f"pod-{index}", [(VF, [f"vf-{index}"])]) for index in range(30)]) as kubelet:
        devices = source(machine)
        found = await asyncio.gather(*(devices.allocated(Pod("ns", f"pod-{index}")) for index in range(30)))
    assert [by_resource(each) for each in found] == [{VF: [f"vf-{index}"]} for index in range(30)]
    assert kubelet.asked == ["Get"] * 30


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE])
async def test_a_kubelet_that_cannot_answer_now_is_asked_again(machine: Path, code: grpc.StatusCode) -> None:
    """It takes about a hundred questions a second."""
    with Kubelet(machine, [TRAINER], refusals=[code] * 2) as kubelet:
        assert await asked(machine, pauses=[0, 0]) == {VF: [B, A]}
    assert kubelet.asked == ["Get"] * 3


async def test_a_pod_is_asked_for_again_until_kubelet_knows_it(machine: Path) -> None:
    """One that has just started knows no pods yet."""
    with Kubelet(machine, OTHERS) as kubelet:
        asking = asyncio.create_task(asked(machine, pauses=[0.01] * 1000))
        while len(kubelet.asked) < 2:
            await asyncio.sleep(0.01)
        kubelet.pods.append(TRAINER)
        assert await asking == {VF: [B, A]}


async def test_a_kubelet_that_restarts_is_asked_again(machine: Path) -> None:
    """One that was killed leaves its socket there."""
    _leave_socket(machine)
    asking = asyncio.create_task(asked(machine, pauses=[0.01] * 1000))
    await asyncio.sleep(0.05)
    (machine / FOLDER.lstrip("/") / SOCKET).unlink()
    with Kubelet(machine, [TRAINER]):
        assert await asking == {VF: [B, A]}


async def test_a_kubelet_that_is_away_is_named(machine: Path) -> None:
    """S9."""
    _leave_socket(machine)
    assert "Connection refused" in await refused(machine)


async def test_a_pod_that_kubelet_does_not_get_to_know_is_named(machine: Path) -> None:
    """S9: never an answer without devices for a pod that has some."""
    with Kubelet(machine, OTHERS) as kubelet:
        assert "it does not know the pod, or not yet" in await refused(machine)
    assert kubelet.asked == ["Get", "List"] * 2


async def test_a_refusal_is_told_in_kubelets_words_and_not_repeated(machine: Path) -> None:
    """S9."""
    with Kubelet(machine, [TRAINER], refusals=[grpc.StatusCode.PERMISSION_DENIED]) as kubelet:
        assert "rejected by rate limit (gRPC status 7)" in await refused(machine, pauses=[0, 0])
    assert kubelet.asked == ["Get"]


async def test_two_pods_of_the_name_with_devices_are_not_told_apart(machine: Path) -> None:
    """S8: an earlier pod's device is not taken; kubelet's list has no UIDs."""
    with Kubelet(machine, [TRAINER, pod("trainer", [(VF, [C])])], get="unknown"):
        assert "it has 2 pods of that name, each with devices" in await refused(machine)


async def test_an_earlier_pod_of_the_name_without_devices_does_not_matter(machine: Path) -> None:
    """F51."""
    with Kubelet(machine, [pod("trainer", []), TRAINER], get="unknown"):
        assert await asked(machine) == {VF: [B, A]}


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def listening(root: Path, handle: Handler) -> AsyncIterator[None]:
    """Something else at kubelet's place."""
    socket = root / FOLDER.lstrip("/") / SOCKET
    socket.parent.mkdir(parents=True)
    writers = []

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handle(reader, writer)

    server = await asyncio.start_unix_server(handled, socket)
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


async def test_a_kubelet_that_hangs_is_given_up(machine: Path) -> None:
    """S9: within seconds, and not asked again."""
    connections = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    async with listening(machine, hang):
        assert "no answer within 0.1 s" in await refused(machine, timeout=0.1)
    assert len(connections) == 1


async def test_a_connection_that_ends_early_is_made_again(machine: Path) -> None:
    connections = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read(100)
        writer.close()

    async with listening(machine, hang_up):
        text = await refused(machine, pauses=[0, 0])
    assert "the connection ended before the answer" in text or "Connection reset by peer" in text
    assert len(connections) == 3


async def test_bytes_of_no_http_2_are_told_as_that(machine: Path) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(9))

    async with listening(machine, speak):
        assert "no HTTP/2" in await refused(machine)


async def test_kubelet_is_found_below_the_second_root_where_the_first_has_none(machine: Path) -> None:
    """F63: a daemon in a container may see the host's folders at their own places, or below chrootDir only."""
    with Kubelet(machine / "host", [TRAINER]):
        found = await KubeletDevices([machine / "own", machine / "host"], timeout=60).allocated(POD)
    assert by_resource(found) == {VF: [B, A]}


def test_a_daemon_that_asks_no_kubelet_does_not_load_http_2() -> None:
    code = "import plurimus.node.daemon, sys; print('h2' in sys.modules or 'hpack' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def _leave_socket(root: Path) -> None:
    """The socket of a server that was killed."""
    path = root / FOLDER.lstrip("/") / SOCKET
    path.parent.mkdir(parents=True)
    code = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, path], check=True)
