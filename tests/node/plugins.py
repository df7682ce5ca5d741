"""Drivers beside the executables they stand for: one call to either, in a namespace of the tests' own."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

from plurimus.cni import result
from plurimus.drivers import call
from plurimus.drivers.call import Driver

FOLDER = Path(__file__).resolve().parents[2] / "build/cni-bin"


def variables(verb: str, netns: str, ifname: str, container_id: str = "pod", **more: str) -> dict[str, str]:
    """The CNI_* variables of a call."""
    return {"CNI_COMMAND": verb, "CNI_CONTAINERID": container_id, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
            "CNI_PATH": str(FOLDER), **more}  # fmt: skip


def request(env: dict[str, str], conf: dict[str, Any]) -> call.Call:
    """The call a driver gets."""
    return call.read(env, json.dumps(conf).encode(), (str(FOLDER),))


async def answer(driver: Driver, env: dict[str, str], conf: dict[str, Any]) -> str:
    """What the driver prints, as its executable would."""
    asked = request(env, conf)
    verbs = {"DEL": driver.delete, "CHECK": driver.check, "STATUS": driver.status, "GC": driver.collect}
    if env["CNI_COMMAND"] == "ADD":
        return result.encode(await driver.add(asked), asked.cni_version).decode()
    await verbs[env["CNI_COMMAND"]](asked)
    return ""


def ours(driver: Driver, env: dict[str, str], conf: dict[str, Any]) -> str:
    """The same, with a loop of its own."""
    return asyncio.run(answer(driver, env, conf))


def run(env: dict[str, str], conf: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The executable of the configuration's type."""
    program = FOLDER / conf["type"]
    return subprocess.run(
        [program], input=json.dumps(conf), env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **env}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip


def theirs(env: dict[str, str], conf: dict[str, Any]) -> str:
    """What it prints; it must succeed."""
    done = run(env, conf)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
