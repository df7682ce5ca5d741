"""Two namespaces that differ in nothing: a driver works in one, the plugin it stands for in the other."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plurimus.adapters import netns
from plurimus.cni import result
from plurimus.drivers import call
from plurimus.drivers.call import Driver

PLUGINS = Path(__file__).resolve().parents[2] / "build/cni-bin"
OURS, THEIRS, PEER = "twin-ours", "twin-theirs", "twin-peer"


def path(name: str) -> str:
    return f"/run/netns/{name}"


@contextmanager
def twins() -> Iterator[None]:
    """Both namespaces, and one for what their interfaces have at the other end."""
    for name in (OURS, THEIRS, PEER):
        netns.create(path(name))
    try:
        yield
    finally:
        for name in (OURS, THEIRS, PEER):
            netns.delete(path(name))


def variables(verb: str, name: str, ifname: str, more: Mapping[str, str]) -> dict[str, str]:
    return {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_NETNS": path(name) if name else "",
            "CNI_IFNAME": ifname, "CNI_PATH": str(PLUGINS), **more}  # fmt: skip


def ours(
    driver: Driver, verb: str, conf: Mapping[str, Any], ifname: str = "net1", *, name: str = OURS, **env: str
) -> str:
    """Have the driver do it, as the daemon would; what it prints."""
    request = call.read(variables(verb, name, ifname, env), json.dumps(conf).encode(), (str(PLUGINS),))
    if verb == "ADD":
        return result.encode(asyncio.run(driver.add(request)), request.cni_version).decode()
    verbs = {"DEL": driver.delete, "CHECK": driver.check, "STATUS": driver.status, "GC": driver.collect}
    asyncio.run(verbs[verb](request))
    return ""


def theirs(verb: str, conf: Mapping[str, Any], ifname: str = "net1", *, name: str = THEIRS, **env: str) -> str:
    """Have the plugin do it, which must succeed; what it prints."""
    done = subprocess.run(
        [PLUGINS / str(conf["type"])], input=json.dumps(conf), env=variables(verb, name, ifname, env),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def read(name: str, parameter: str) -> str:
    """A kernel parameter of a namespace."""
    return netns.visit(path(name), Path("/proc/sys", parameter).read_text).strip()
