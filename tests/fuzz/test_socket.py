"""The daemon's socket, with a real daemon behind it: it answers CNI errors or HTTP's, and goes on as if nothing was."""

from __future__ import annotations

import base64
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.node.daemon import Node
from tests.node.scripts import PASS_ON

from . import corpus
from .mutations import SECONDS, blobs, documents, hammer

PATIENCE = 120
HEADS = [
    b"POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /delegate HTTP/1.0\r\nPlurimus-Shim: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /cni HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"POST /cni HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Its plugins do nothing; the cluster has pods with mutations' favourite names, and no limit to ask with."""
    with Node(tmp_path_factory.mktemp("node"), apiTimeout=2, pluginTimeout=5) as node:
        node.script("nothing", PASS_ON)
        node.network("rail", {"cniVersion": "1.0.0", "type": "nothing"})
        yield node


def exchanged(node: Node, data: bytes) -> list[tuple[int, bytes]]:
    """The answers to `data`: status and body of each until the daemon closes, or waits for more and is told the end."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(PATIENCE)
        channel.connect(node._socket)
        try:
            channel.sendall(data)
            channel.shutdown(socket.SHUT_WR)
            heard = b"".join(iter(lambda: channel.recv(65536), b""))
        except (BrokenPipeError, ConnectionResetError):
            return []
    return list(answers(heard))


def answers(heard: bytes) -> Iterator[tuple[int, bytes]]:
    while heard:
        head, _, heard = heard.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        length = int(headers.get(b"content-length", b"0"))
        status = int(first.split()[1])
        if status != 100:
            yield status, heard[:length]
        heard = heard[length:]


def check_answer(status: int, content: bytes, *, is_call: bool) -> None:
    """200, 4xx or 501 (an unknown coding, RFC 9112), and a CNI error from a request; never the daemon's own fault."""
    assert status in (200, 501) or 400 <= status < 500, (status, content)
    if is_call and status != 200:
        error = json.loads(content)
        assert isinstance(error["code"], int)
        assert error["msg"]
        assert "internal error" not in error["msg"], error
        assert "Traceback" not in error["msg"]


def descriptors(node: Node) -> int:
    assert node._daemon is not None
    return len(os.listdir(f"/proc/{node._daemon.pid}/fd"))  # noqa: PTH208


def is_well(node: Node, before: int) -> None:
    assert node._daemon is not None
    assert node._daemon.poll() is None, node.log.read_text()[-3000:]
    assert exchanged(node, b"GET /healthz HTTP/1.0\r\n\r\n")[0][0] == 200
    assert "for a reason nobody foresaw" not in node.log.read_text()
    assert descriptors(node) <= before + 20  # a pool of threads may have grown by then


def environments(node: Node, netns: str) -> list[dict[str, str]]:
    env = {**corpus.ENVIRONMENT, "CNI_NETNS": netns, "CNI_PATH": str(node.bin),
           "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=fuzzed;K8S_POD_UID=u"}  # fmt: skip
    return [{**env, "CNI_COMMAND": verb} for verb in ("ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION")]


def requests(node: Node, folder: Path) -> st.SearchStrategy[tuple[str, bytes]]:
    """Bodies of `/cni` and `/delegate`, with the variables, the configuration or the JSON itself changed."""
    own = node.netconf({"cniVersion": "1.0.0", "name": "pods", "type": "nothing"})
    pinned = {"cniDir": own["cniDir"], "binDir": str(node.bin), "confDir": str(folder)}
    netconfs = [{**own, **pinned}, {**corpus.NETCONF[0], **own, **pinned}]
    single = {"cniVersion": "1.0.0", "name": "hot", "type": "nothing"}
    envs = documents(environments(node, str(folder / "none")))
    configs = st.one_of(
        documents(netconfs), documents([single, {"name": "l", "cniVersion": "1.0.0", "plugins": [single]}])
    )
    attributes = documents([{"ips": ["10.0.0.2/24"], "mac": "02:00:00:00:00:01", "cni-args": {"a": 1}}, None])

    def body(env: Any, config: Any, more: Any) -> bytes:
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        return json.dumps({"env": env, "config": encoded, "interfaceAttributes": more}).encode()

    bodies = st.builds(body, envs, configs, attributes)
    cut = st.builds(lambda text, at: text[: max(0, len(text) - at)], bodies, st.integers(0, 60))
    return st.tuples(st.sampled_from(["/cni", "/delegate"]), st.one_of(bodies, cut))


def test_no_bytes_on_the_socket_harm_the_daemon(node: Node) -> None:
    before = descriptors(node)

    def check(data: bytes) -> None:
        for status, content in exchanged(node, data):
            check_answer(status, content, is_call=False)

    assert hammer(SECONDS / 2, blobs(HEADS), check) >= 100
    is_well(node, before)


def test_no_request_harms_the_daemon_and_all_are_answered(node: Node, tmp_path: Path) -> None:
    node._manifest("Pod", "default", "fuzzed", {"k8s.v1.cni.cncf.io/networks": "rail"}, uid="u")
    kept, before = node.snapshot()["host"], descriptors(node)

    def check(asked: tuple[str, bytes]) -> None:
        path, body = asked
        head = f"POST {path} HTTP/1.0\r\nPlurimus-Shim: 1\r\nContent-Length: {len(body)}\r\n\r\n"
        ((status, content),) = exchanged(node, head.encode() + body)
        check_answer(status, content, is_call=True)

    assert hammer(SECONDS / 2, requests(node, tmp_path), check) >= 100
    is_well(node, before)
    assert node.snapshot()["host"] == kept
