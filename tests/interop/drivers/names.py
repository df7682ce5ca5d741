"""What two nodes hold, told apart from what is random in it: names of veth pairs, MAC addresses the kernel chose."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_MAC = re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b")
_VETH = re.compile(r"\bveth[0-9a-f]{8}\b")
_NO_KERNEL = ("firewall", "files")
_OF_NOBODY = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}
_BY_ITSELF = ("fe80:", "ff00:")
_OF_A_BRIDGE = re.compile(
    r"_timer$|_id$|^designated_|^state$|^root_|^topology_change|^num_|^no$|^id$|^config_pending$|_port$|^gc_|^fdb_n_"
)
"""What a bridge tells of spanning trees and timers, and of ports by their number."""
_OF_THE_KERNEL = ("ifindex", "operstate", "tso_max_size", "tso_max_segs")
_OF_A_MOMENT = ("NO-CARRIER", "LOWER_UP", "tentative", "dadfailed", "optimistic")


def told(seen: Iterable[Mapping[str, Any]], given: str) -> list[dict[str, Any]]:
    """Each step's answer and state; MAC addresses that stand in `given`, the script, are told as they are."""
    kept = set(_MAC.findall(given.lower()))
    return [_step(step, kept) for step in seen]


def _step(step: Mapping[str, Any], kept: set[str]) -> dict[str, Any]:
    state = step.get("state", {})
    names = _names(state, kept)
    aspects: dict[str, Any] = {
        "outcome": "success" if step["ok"] else "failure",
        "inside": step["inside"],
        "stderr": step["stderr"],
    }
    if step["ok"]:
        aspects["result"] = _replaced(step["stdout"], names)
    else:
        aspects["error"] = json.loads(step["stdout"]) if step["stdout"].startswith("{") else {"text": step["stdout"]}
    if state:
        aspects["firewall"] = _replaced(state["firewall"], names).splitlines()
        aspects["files"] = {path: _file(entry, names) for path, entry in state["files"].items()}
    for where, kernel in state.items():
        if where not in _NO_KERNEL:
            aspects |= {f"{where} {what}": value for what, value in _kernel(kernel, names).items()}
    return aspects


def _names(state: Mapping[str, Any], kept: set[str]) -> dict[str, str]:
    """What random names and addresses are told as: a veth by a number, a MAC by its links."""
    links = [(where, link) for where, kernel in state.items() if where not in _NO_KERNEL for link in kernel["links"]]
    # those that lead to pods first: in which order a plugin makes them does not matter
    veths = sorted((link.get("link", ""), link["ifindex"], link["ifname"]) for _, link in links if _is_random(link))
    names = {name: f"<veth {number}>" for number, (*_, name) in enumerate(veths)}
    owners: dict[str, list[str]] = {}
    for where, link in links:
        if link.get("address") not in kept | _OF_NOBODY:
            owners.setdefault(link.get("address", ""), []).append(
                f"{where} {names.get(link['ifname'], link['ifname'])}"
            )
    gone = {mac: "<address gone>" for mac in _MAC.findall(json.dumps(state)) if mac not in _OF_NOBODY | kept}
    return names | gone | {mac: f"<address of {', '.join(sorted(of))}>" for mac, of in owners.items() if mac}


def _is_random(link: Mapping[str, Any]) -> bool:
    return _VETH.fullmatch(link["ifname"]) is not None


def _kernel(kernel: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    kernel = json.loads(_replaced(json.dumps(kernel), names))
    links = {link["ifname"]: _link(link) for link in kernel["links"]}
    found: dict[str, Any] = {"links": links, "sysctls": kernel.get("sysctls", {})}
    if "vlans" in kernel:
        # `bridge` lists ports as they were made, and in which order a plugin does that does not matter
        found["VLANs"] = {port["ifname"]: port["vlans"] for port in kernel["vlans"]}
    if "file" in kernel:
        found["file"] = kernel["file"]
    for family in "46":
        if family not in kernel:
            continue
        shown = kernel[family]
        found |= {
            f"addresses {family}": {
                link["ifname"]: [_address(each) for each in link["addr_info"] if not _by_itself(each["local"])]
                for link in shown["addr show"]
                if link.get("addr_info")
            },
            f"routes {family}": sorted(
                (_route(route) for route in shown["route show table all"] if not _by_itself(route["dst"])), key=repr
            ),
            f"rules {family}": shown["rule show"],
            f"neighbours {family}": shown["neigh show nud permanent"],
        }
    return found


def _link(link: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in link.items() if key not in _OF_THE_KERNEL}
    kept["flags"] = sorted(flag for flag in link["flags"] if flag not in _OF_A_MOMENT)
    if "link_netnsid" in kept:
        kept["link_netnsid"] = "another namespace"
    info = dict(link.get("linkinfo", {}))
    if info.get("info_kind") == "veth":
        kept.pop("link_index", None)
    for of, data in (("info_kind", "info_data"), ("info_slave_kind", "info_slave_data")):
        if info.get(of) == "bridge":
            info[data] = {key: value for key, value in info[data].items() if not _OF_A_BRIDGE.search(key)}
    return {**kept, "linkinfo": info}


def _address(address: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in address.items() if key not in _OF_A_MOMENT}


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    flags = [flag for flag in route.get("flags", []) if flag != "linkdown"]
    return {**route, "flags": flags}


def _by_itself(text: str) -> bool:
    return text.startswith(_BY_ITSELF)


def _file(entry: list[str], names: Mapping[str, str]) -> list[str]:
    return [*entry[:1], *(_replaced(base64.b64decode(each).decode("latin-1"), names) for each in entry[1:])]


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for name, meaning in names.items():
        text = text.replace(name, meaning)
    return _VETH.sub("<veth gone>", text)
