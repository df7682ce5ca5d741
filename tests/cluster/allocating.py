"""A process that allocates as the daemon of one node does, with a connection of its own.

usage: python -m tests.cluster.allocating SERVER CA TOKEN ROOT NODE

Each line on stdin is a list of CNI requests, carried out at the same time; each line on stdout is what became of them.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.ippools import ApiPools
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import PlurimusError
from plurimus.drivers import call
from plurimus.drivers.whereabouts.driver import Whereabouts
from plurimus.model.pod import Pod

from .programs import ROOT

Request = dict[str, Any]


class Daemon:
    """The process, from the side of the test; a `with` block ends it."""

    def __init__(self, access: Access, root: Path, node: str) -> None:
        places = [access.server, str(access.ca), str(access.token_file), str(root), node]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.allocating", *places],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self._killed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # closes its ends of the pipes, which ends the process
            pass
        assert self._process.returncode == (-signal.SIGKILL if self._killed else 0)

    def kill(self) -> None:
        """End it wherever it is."""
        self._killed = True
        self._process.kill()

    def begin(self, requests: Sequence[Request]) -> None:
        """Have requests carried out, without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(requests) + "\n")
        self._process.stdin.flush()

    def end(self) -> list[str]:
        """What became of what was begun: of each its addresses, or the error."""
        assert self._process.stdout is not None
        found: list[str] = json.loads(self._process.stdout.readline())
        return found

    def run(self, *requests: Request) -> list[str]:
        self.begin(requests)
        return self.end()


async def _serve(server: str, ca: str, token: str, root: str, node: str) -> None:
    api = ApiServer(Access(server, ca=Path(ca), token_file=Path(token)), timeout=30)
    driver = Whereabouts(lambda: ApiPools(api), _no_pod, Path(root), node=node)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await asyncio.gather(*(_answer(driver, each) for each in json.loads(line)))), flush=True)
    finally:
        await api.close()


async def _answer(driver: Whereabouts, request: Request) -> str:
    asked = call.read(request["env"], json.dumps(request["conf"]).encode(), ())
    try:
        if asked.command == "ADD":
            return " ".join(ip.address for ip in (await driver.add(asked)).ips)
        await {"DEL": driver.delete, "CHECK": driver.check}[asked.command](asked)
    except PlurimusError as error:
        return f"error {error.code}: {error}"
    return ""


async def _no_pod(namespace: str, name: str) -> Pod | None:
    return None


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
