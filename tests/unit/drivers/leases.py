"""Calls of the driver for host-local, and what is in its folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plurimus.cni.result import Result
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.hostlocal.driver import HostLocal

DATA = "var/lib/cni/networks"


def request(
    verb: str, pod: str = "pod", ifname: str = "net1", *, cni_args: str = "", network: str = "net",
    conf: dict[str, Any] | None = None, **ipam: Any,
) -> Call:  # fmt: skip
    """A call for the range 10.0.0.0/24, unless `ipam` has another."""
    ranges = {} if {"ranges", "subnet"} & set(ipam) else {"subnet": "10.0.0.0/24"}
    whole = {"cniVersion": "1.1.0", "name": network, "type": "macvlan", **(conf or {}),
             "ipam": {"type": "host-local", **ranges, **ipam}}  # fmt: skip
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": pod, "CNI_IFNAME": ifname, "CNI_ARGS": cni_args}
    return call.read(env, json.dumps(whole).encode(), ())


def gc(*valid: tuple[str, str], **more: Any) -> Call:
    """GC with `valid` attachments, of container and interface."""
    kept = [{"containerID": container, "ifname": ifname} for container, ifname in valid]
    return request("GC", conf={"cni.dev/valid-attachments": kept}, **more)


async def give(driver: HostLocal, pod: str = "pod", ifname: str = "net1", **more: Any) -> list[str]:
    """The addresses an ADD gives, without their prefix lengths."""
    return addresses(await driver.add(request("ADD", pod, ifname, **more)))


def addresses(made: Result) -> list[str]:
    return [ip.address.partition("/")[0] for ip in made.ips]


def folder(root: Path, network: str = "net") -> Path:
    return root / DATA / network


def files(root: Path, network: str = "net") -> dict[str, bytes]:
    """What is in the folder of a network, but for the lock."""
    return {path.name: path.read_bytes() for path in folder(root, network).iterdir() if path.name != "lock"}


def put(root: Path, **contents: bytes) -> None:
    """Write leases by hand: `at_10_0_0_7=b"..."`."""
    folder(root).mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder(root) / name.removeprefix("at_").replace("_", ".")).write_bytes(content)
