"""All that a plugin may have changed, as the node's first program sees it, with names and addresses as they are."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plurimus.adapters import netns

FOLDERS = ("/var/lib/cni", "/run/cni", "/run/data")
"""Where plugins keep files."""
_OF_FAMILY = ("addr show", "route show table all", "rule show", "neigh show nud permanent")
_PARAMETERS = "/proc/sys/net"
_PATIENCE = 4.0
"""Seconds for duplicate address detection."""
_SECRET = "stable_secret"
"""Cannot be read until it has been set."""


def take(sandboxes: Iterable[str], *, kernel: bool) -> dict[str, Any]:
    """The files; with `kernel` the node, the sandboxes there are, and the firewall."""
    taken: dict[str, Any] = {"firewall": "", "files": _files()}
    if not kernel:
        return taken
    taken |= {"node": _kernel(None), "firewall": _firewall()}
    for name in sandboxes:
        path = f"/run/netns/{name}"
        taken[name] = _kernel(name) if netns.is_alive(path) else _leftover(path)
    return taken


def settle(sandboxes: Iterable[str]) -> None:
    """Wait until no IPv6 address is tentative any more: one that is has no route yet."""
    for name in ("", *sandboxes):
        if not name or netns.is_alive(f"/run/netns/{name}"):
            deadline = time.monotonic() + _PATIENCE
            while _output(["ip", *(["-n", name] if name else []), "-6", "addr", "show", "tentative"]).strip():
                if time.monotonic() > deadline:
                    break  # without a carrier nobody can tell
                time.sleep(0.05)


def _kernel(name: str | None) -> dict[str, Any]:
    """Links and bridges' VLANs, and by family what else `ip` shows; kernel parameters that are not the default's."""
    inside = ["-n", name] if name else []
    taken: dict[str, Any] = {"sysctls": netns.visit(f"/run/netns/{name}" if name else None, _sysctls)}
    for family in "46":
        links, *others = _lines([*inside, f"-{family}"], ["link show", *_OF_FAMILY])
        taken |= {"links": links, family: dict(zip(_OF_FAMILY, others, strict=True))}
    if any(link.get("linkinfo", {}).get("info_data", {}).get("vlan_filtering") for link in taken["links"]):
        taken["vlans"] = json.loads(_output(["bridge", *inside, "-json", "vlan", "show"]))
    return taken


def _lines(options: list[str], lines: Iterable[str]) -> list[list[dict[str, Any]]]:
    """What `ip` answers to each line; it leaves empty objects where an address is of the other family."""
    text = _output(["ip", *options, "-json", "-details", "-batch", "-"], "\n".join(lines))
    decoder, answers, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at)
        answers.append([each for each in value if each])
        at += len(text[at:]) - len(text[at:].lstrip())
    return answers


def _sysctls() -> dict[str, str]:
    """Of this thread's namespace; what an interface has as every new one has it is left out."""
    found = {"ipv4/ip_forward": _read(f"{_PARAMETERS}/ipv4/ip_forward").decode().strip()}
    for kind in ("ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"):
        folder = f"{_PARAMETERS}/{kind}"
        names = _names(folder)
        # a namespace may have no default for neighbours; loopback's are as they were
        usual = "default" if "default" in names else "lo"
        default = _values(f"{folder}/{usual}")
        for name in names:
            if name != usual:
                values = _values(f"{folder}/{name}").items()
                found |= {
                    f"{kind}/{name}/{key}": value.decode().strip() for key, value in values if value != default.get(key)
                }
    return found


def _values(folder: str) -> dict[str, bytes]:
    """There are hundreds of these files: without a buffer and a decoder for each, and by short paths."""
    door = os.open(folder, os.O_RDONLY)
    try:
        return {name: _read(name, door) for name in os.listdir(door) if name != _SECRET}  # noqa: PTH208 - a descriptor
    finally:
        os.close(door)


def _names(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _read(path: str, folder: int | None = None) -> bytes:
    file = os.open(path, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


def _firewall() -> str:
    """nftables, which iptables writes its own to as well."""
    return _output(["nft", "--stateless", "list", "ruleset"])


def _files() -> dict[str, list[str]]:
    """Mode and content; nothing of folders, but that they are there."""
    found: dict[str, list[str]] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*")):
            content = base64.b64encode(path.read_bytes()).decode() if path.is_file() else ""
            found[str(path)] = [stat.filemode(path.stat().st_mode), content] if path.is_file() else []
    return found


def _leftover(path: str) -> dict[str, Any]:
    """A namespace that is gone, and whether a file has taken its place."""
    return {"links": [], "file": Path(path).exists()}


def _output(argv: list[str], stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} ({stdin!r}) failed: {done.stdout}{done.stderr}")
    return done.stdout
