"""What is on a node right now, as one value: so "as before" is one comparison.

Kernel state of the host and of namespaces, the firewall, host-local's addresses, and what Plurimus keeps on disk.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_LINK = ("ifname", "address", "mtu", "master", "qdisc", "link_netnsid")
_ROUTE = ("dst", "gateway", "via", "dev", "table", "metric", "type", "protocol", "scope", "prefsrc", "nexthops")
_BY_ITSELF = ("fe80:", "ff00:")
"""What the kernel adds of IPv6 once a link has a carrier, which takes it a moment."""
_LEFT_BY_DESIGN = ("last_reserved_ip.", "lock", ".needs.json")
"""host-local never removes the first two; the last is of no pod: what plugins were seen to need."""


def run(*argv: str) -> str:
    """The output of a program that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def ip(*argv: str, namespace: str | None = None) -> str:
    """Run `ip`, in the namespace of that name or in this process's own."""
    return run("ip", *(("-n", namespace) if namespace else ()), *argv)


def ip_json(*argv: str, namespace: str | None = None) -> list[dict[str, Any]]:
    """What `ip -json` prints; it prints nothing or empty objects where there is nothing to tell."""
    found: list[dict[str, Any]] = json.loads(ip("-json", *argv, namespace=namespace) or "[]")
    return [each for each in found if each]


def kernel(namespace: str | None = None) -> dict[str, Any]:
    """Links, addresses, routes of all tables and routing rules of one namespace."""
    links = ip_json("-details", "link", "show", namespace=namespace)
    addresses = ip_json("addr", "show", namespace=namespace)
    routes = [
        (family, {key: route[key] for key in _ROUTE if key in route})
        for family in "46"
        for route in ip_json(f"-{family}", "route", "show", "table", "all", namespace=namespace)
        if not route["dst"].startswith(_BY_ITSELF)
    ]
    return {
        "links": {link["ifname"]: _link(link) for link in links},
        "addresses": {
            link["ifname"]: [f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"] if _is_ours(each)]
            for link in addresses
        },
        "routes": sorted(routes, key=repr),
        "rules": [rule for family in "46" for rule in ip_json(f"-{family}", "rule", namespace=namespace)],
    }


def firewall() -> list[str]:
    """All rules of nftables, which iptables writes its own to as well, without counters."""
    return run("nft", "--stateless", "list", "ruleset").splitlines()


def files(folder: Path) -> dict[str, str]:
    """The files below `folder` with their contents; what host-local leaves on purpose is left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(_LEFT_BY_DESIGN):
            with contextlib.suppress(FileNotFoundError):  # a sweep may take it meanwhile
                found[str(path.relative_to(folder))] = path.read_text(errors="replace")
    return found


def take(namespaces: Iterable[str], folders: Iterable[Path]) -> dict[str, Any]:
    """The host, the `namespaces` there are, the firewall, the files below `folders`."""
    there = {path.name for path in Path("/run/netns").iterdir()}
    taken: dict[str, Any] = {"host": kernel(), "firewall": firewall()}
    taken |= {f"namespace {name}": kernel(name) for name in namespaces if name in there}
    return taken | {f"files in {folder.name}": files(folder) for folder in folders}


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The lines in which two snapshots differ."""
    texts = [json.dumps(each, indent=1, sort_keys=True).splitlines() for each in (before, now)]
    return "\n".join(difflib.unified_diff(*texts, "before", "now", n=8))


def _link(link: dict[str, Any]) -> dict[str, Any]:
    kind = link.get("linkinfo", {}).get("info_kind", "")
    flags = [flag for flag in link["flags"] if flag not in ("NO-CARRIER", "LOWER_UP")]  # these take a moment, too
    return {**{key: link[key] for key in _LINK if key in link}, "kind": kind, "flags": flags}


def _is_ours(address: dict[str, Any]) -> bool:
    return not str(address["local"]).startswith(_BY_ITSELF)
