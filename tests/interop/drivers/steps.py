"""One step of a script, done in a node of its own: a plugin's verb, by its executable or by its driver, or a command.

What a runtime adds is added here: CHECK and DEL are told the result of the ADD, where the version has that.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plurimus.adapters import netns
from plurimus.adapters.plugins import Executables
from plurimus.cni.errors import PlurimusError, encode_error
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.node.drivers import drivers

from . import state, world
from .case import NO_CHECK

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "build/plugins"
_SECONDS = 60.0
_READING = ("CHECK", "STATUS")
"""Verbs whose effect is seen at the next one: looking takes longer than they do."""


class Executable(Executables):
    """The node's executables; remembers which ran, since a driver passes on what it does not know."""

    def __init__(self) -> None:
        super().__init__(timeout=_SECONDS)
        self.ran: list[str] = []

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        self.ran.append(kind)
        return await super().run(kind, env=env, stdin=stdin, search=search)


def carry_out(script: Mapping[str, Any], by: Sequence[str]) -> list[dict[str, Any]]:
    """What each verb answered and what was on the node then; `by` says who does each verb, the last all that follow."""
    world.enter(noisy=script["noisy"])
    for name in script["sandboxes"]:
        netns.create(f"/run/netns/{name}")
        netns.visit(f"/run/netns/{name}", lambda: world.settle_ipv6(noisy=script["noisy"]))
    world.shell(script["setup"])
    return asyncio.run(_carry_out(script, by))


async def _carry_out(script: Mapping[str, Any], by: Sequence[str]) -> list[dict[str, Any]]:
    executables = Executable()
    inside = InProcess(executables)
    inside.use(drivers(Path("/"), Ipam(inside)))
    seen: list[dict[str, Any]] = []
    results: dict[str, Any] = {}
    for step in script["steps"]:
        if step["verb"] == "run":
            world.shell(step["command"])
            continue
        who = by[min(len(seen), len(by) - 1)]
        attachment = f"{step['cid']} {step['ifname']}"
        stdin = _stdin(step, results.get(attachment))
        env = _variables(step)
        executables.ran.clear()
        answer = _execute(step["type"], env, stdin) if who == "executable" else await _drive(inside, step, env, stdin)
        if step["verb"] == "ADD" and answer["ok"]:
            results[attachment] = json.loads(answer["stdout"])
        answer["inside"] = step["type"] not in executables.ran
        # in a mixed script the first verb leaves what it leaves in one that is not
        if step["verb"] not in _READING and (seen or len(by) == 1):
            if script["noisy"]:
                state.settle(script["sandboxes"])
            answer["state"] = state.take(script["sandboxes"], kernel=not script["ipam"])
        seen.append(answer)
    return seen


def _variables(step: Mapping[str, Any]) -> dict[str, str]:
    return {
        "CNI_COMMAND": step["verb"],
        "CNI_CONTAINERID": step["cid"],
        "CNI_NETNS": step["netns"],
        "CNI_IFNAME": step["ifname"],
        "CNI_ARGS": step["args"],
        "CNI_PATH": str(PLUGINS),
    }


def _stdin(step: Mapping[str, Any], result: Any) -> bytes:
    """The configuration, with what the ADD of the attachment gave where a runtime has it."""
    conf = step["conf"]
    if isinstance(conf, str):
        return conf.encode()
    if step["verb"] in ("CHECK", "DEL") and result is not None and conf.get("cniVersion", "") not in NO_CHECK:
        conf = {**conf, "prevResult": result}
    return json.dumps(conf).encode()


def _execute(kind: str, env: Mapping[str, str], stdin: bytes) -> dict[str, Any]:
    search = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        [PLUGINS / kind], input=stdin, env={**search, **env}, capture_output=True, timeout=_SECONDS, check=False
    )
    return {"ok": done.returncode == 0, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()[-2000:]}


async def _drive(plugins: InProcess, step: Mapping[str, Any], env: Mapping[str, str], stdin: bytes) -> dict[str, Any]:
    """The driver's answer as the daemon would print it."""
    try:
        stdout = await plugins.run(step["type"], env=env, stdin=stdin, search=(str(PLUGINS),))
    except PlurimusError as error:
        return {
            "ok": False,
            "stdout": encode_error(error).decode(),
            "stderr": "\n".join(getattr(error, "__notes__", [])),
        }
    return {"ok": True, "stdout": stdout.decode(), "stderr": ""}
