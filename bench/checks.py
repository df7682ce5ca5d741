"""Whether an ADD or DEL did what it says: the candidates' own words are not asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.interop.store import Store

from bench.networks import STATUS, Pod


def attached(pod: Pod, store: Store | None) -> str:
    """What is wrong with a pod that was added, empty if nothing; without a `store` nobody writes its status."""
    links = {link["ifname"]: link for link in _ip(pod, "address") if link["ifname"] != "lo"}
    if sorted(links) != sorted(pod.interfaces):
        return f"has {sorted(links)} instead of {sorted(pod.interfaces)}"
    for name, link in links.items():
        if "UP" not in link["flags"] or not any(each["family"] == "inet" for each in link["addr_info"]):
            return f"{name} is not up with an address"
    ways = [route["dev"] for route in _ip(pod, "route") if route["dst"] == "default"]
    if ways != ["eth0"]:
        return f"default routes lead by {ways}"
    if store is not None:
        status = json.loads(store.objects["pods", "default", pod.name]["metadata"]["annotations"].get(STATUS, "[]"))
        if len(status) != len(pod.interfaces):
            return f"network-status has {len(status)} entries"
    return ""


def detached(pod: Pod) -> str:
    """What is left of a pod that was deleted; empty if nothing is."""
    left = sorted(link["ifname"] for link in _ip(pod, "address") if link["ifname"] != "lo")
    return f"still has {left}" if left else ""


def _ip(pod: Pod, what: str) -> list[dict[str, Any]]:
    done = subprocess.run(["ip", "-n", Path(pod.netns).name, "-json", what], check=True, capture_output=True)
    found: list[dict[str, Any]] = json.loads(done.stdout or b"[]")
    return found
