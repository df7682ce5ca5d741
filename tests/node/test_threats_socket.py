"""The threat model's hostile process on the node: it may not speak to the daemon, nor read what that keeps."""

from __future__ import annotations

import base64
import json
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .daemon import Node
from .scripts import calls, recorder

ASK = """
import os, socket, sys
nobody = 65534
os.setgroups([]); os.setresgid(nobody, nobody, nobody); os.setresuid(nobody, nobody, nobody)
with socket.socket(socket.AF_UNIX) as channel:
    channel.settimeout(20)
    channel.connect(sys.argv[1])
    channel.sendall(b"POST /cni HTTP/1.0\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    print(channel.recv(100).split()[1].decode())
"""


def ask_as_nobody(path: str) -> subprocess.CompletedProcess[str]:
    # by itself once it runs: Python may be where nobody else can read it
    argv = [sys.executable, "-IS", "-c", ASK, path]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")


def test_another_user_gets_no_connection(node: Node) -> None:
    done = ask_as_nobody(node._socket)
    assert (done.returncode, done.stdout) == (1, "")
    assert "PermissionError" in done.stderr


def test_another_user_who_gets_one_all_the_same_is_not_listened_to(node: Node) -> None:
    """As where somebody changed the modes: the kernel says whose connection it is."""
    node.script("recorder", recorder(node.calls))
    opened = [Path(node._socket), *Path(node._socket).parents]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in opened}
    try:
        for path, mode in modes.items():
            path.chmod(mode | 0o666 if path == opened[0] else mode | 0o111)
        done = ask_as_nobody(node._socket)
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert (done.returncode, done.stdout.strip()) == (0, "403"), done.stderr
    assert calls(node.calls) == []


def test_what_the_daemon_keeps_is_for_root_alone(node: Node) -> None:
    """Records and cached results have whole configurations, and those may have secrets."""
    node.network("rail", node.macvlan(password="s3cret"))
    pod = node.sandbox("rail")
    pod.add()
    kept = [path for path in node.state.rglob("*") if path.is_file()]
    assert len(kept) >= 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in node.state.rglob("*") if path.is_dir()} == {0}
    pod.delete()


NUL = "an environment variable has a NUL character"
LIES = {
    "a container ID that is a path": ({"CNI_CONTAINERID": "../../etc/cron.d/x"}, "invalid characters in containerID"),
    "a container ID with a NUL": ({"CNI_CONTAINERID": "a\0b"}, NUL),
    "an interface that is a path": ({"CNI_IFNAME": "../eth0"}, "interface name '../eth0' contains /"),
    "an interface with a NUL": ({"CNI_IFNAME": "a\0"}, NUL),
    "a file as a namespace": ({"CNI_NETNS": "/etc/passwd"}, "network namespace /etc/passwd cannot be entered"),
    "a folder as a namespace": ({"CNI_NETNS": "/etc"}, "network namespace /etc cannot be entered"),
    "a device as a namespace": ({"CNI_NETNS": "/dev/zero"}, "network namespace /dev/zero cannot be entered"),
    "another kind of namespace": (
        {"CNI_NETNS": "/proc/self/ns/mnt"},
        "network namespace /proc/self/ns/mnt cannot be entered",
    ),
    "a namespace with a NUL": ({"CNI_NETNS": "/run/netns/a\0b"}, NUL),
    "arguments with a NUL": ({"CNI_ARGS": "K8S_POD_NAME=a\0b"}, NUL),
    "arguments twice over": ({"CNI_ARGS": "K8S_POD_NAME=a=b"}, "ARGS: invalid pair"),
    "another pod's UID": (
        {"CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod};K8S_POD_UID=other"},
        'expected pod UID "other"',
    ),
}
"""What variables say, and what the answer says of it."""


@pytest.mark.parametrize(("lie", "words"), LIES.values(), ids=LIES)
def test_a_variable_that_leads_elsewhere_is_refused(node: Node, lie: dict[str, str], words: str) -> None:
    """Also from root: a runtime may pass on what it was told."""
    pod = node.sandbox()
    before = node.snapshot()
    told = {name: value.format(pod=pod.pod) for name, value in lie.items()}
    env = {**pod.environment(), "CNI_COMMAND": "ADD", **told}
    answer = node.post("/cni", env, pod.netconf)
    assert answer.status == 1
    assert words in answer.document["msg"]
    node.is_as(before)


def test_a_link_in_the_place_of_a_record_is_replaced_and_not_followed(node: Node) -> None:
    victim = node.folder / "victim"
    victim.write_text("untouched")
    pod = node.sandbox()
    (node.state / pod.id).symlink_to(victim)
    pod.add()
    assert victim.read_text() == "untouched"
    assert not pod.record.is_symlink()
    pod.delete()
    assert victim.read_text() == "untouched"
    assert not (node.state / pod.id).is_symlink()


def test_a_link_in_the_place_of_a_lease_is_not_followed(node: Node) -> None:
    victim = node.folder / "victim"
    victim.write_text("untouched")
    leases = node.ipam / "rail"
    leases.mkdir()
    for name in ("10.10.0.2", "last_reserved_ip.0"):
        (leases / name).symlink_to(victim)
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    assert "Too many levels of symbolic links" in pod.call("ADD").refused(5)
    pod.delete()
    assert victim.read_text() == "untouched"


def body(config: bytes, **more: Any) -> bytes:
    return json.dumps({"env": {"CNI_COMMAND": "ADD"}, "config": base64.b64encode(config).decode(), **more}).encode()


@pytest.mark.parametrize(("data", "status"), [
    (b"POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\n\r\n" + b"x" * 40_000_000, (400,)),
    (b"POST /cni HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(20_000)) + b"\r\n", (400, 431)),
    (b"POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", (400,)),
    (b"POST /../../etc/passwd HTTP/1.0\r\nContent-Length: 0\r\n\r\n", (404,)),
], ids=["a body too long", "a head too long", "a length that is none", "a path"])  # fmt: skip
def test_a_request_has_its_bounds(node: Node, data: bytes, status: tuple[int, ...]) -> None:
    assert _answered(node, data) in status


@pytest.mark.parametrize("content", [
    body(b"[" * 1_000_000), body(b'{"a":' * 50_000 + b"1" + b"}" * 50_000), b"[" * 3_000_000,
    body(b'{"name":"x","delegates":[' + b"{}," * 200_000 + b"{}]}"),
    body(b"{}", env=dict.fromkeys(map(str, range(99_999)), "")),
])  # fmt: skip
def test_what_is_deep_or_broad_is_refused_as_a_cni_error(node: Node, content: bytes) -> None:
    head = b"POST /cni HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(content)
    assert _answered(node, head + content) == 400
    assert _answered(node, b"GET /healthz HTTP/1.0\r\n\r\n") == 200


def _answered(node: Node, data: bytes) -> int:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(60)
        channel.connect(node._socket)
        try:
            channel.sendall(data)
        except BrokenPipeError:  # it has said all it will
            assert len(data) > 100_000
        return int(channel.makefile("rb").readline().split()[1])
