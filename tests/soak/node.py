"""A node on which pods come and go for long, with a runtime that gives up now and then, and what befalls it."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

from plurimus.adapters import netns
from tests.interop.apiserver import ApiServer
from tests.interop.multus import kubeconfig
from tests.node.daemon import SHIM, Node

NETWORKS = ("driver", "executable", "broken")
_BROKEN = "if env['CNI_COMMAND'] == 'ADD':\n    print(json.dumps({'code': 50, 'msg': 'broken'}))\n    sys.exit(1)\n"
_PATIENCE = 60.0
_numbers = count(1)


class SoakNode(Node):
    """Its cluster is an API server; its pods have a bridge and macvlans, by drivers and by executables."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.api = ApiServer(folder / "api")
        path = folder / "kubeconfig"
        path.write_text(json.dumps(kubeconfig(self.api)))
        self.config |= {"manifests": "", "kubeconfig": str(path), "apiTimeout": 1, "logLevel": "error"}
        (self.bin / "as-executable").symlink_to((self.bin / "macvlan").resolve())
        self.script("breaks", _BROKEN)
        kinds = {"driver": "macvlan", "executable": "as-executable"}
        for number, (name, kind) in enumerate(kinds.items()):
            self._define(name, self.macvlan(number, name=name, type=kind))
        self._define("broken", {"cniVersion": "1.1.0", "plugins": [self.macvlan(1, ipam={}), {"type": "breaks"}]})
        self.conf = json.dumps(self.netconf(self.bridge())).encode()

    def __enter__(self) -> Self:
        self.api.start()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.api.stop()

    @property
    def pid(self) -> int:
        assert self._daemon is not None
        return self._daemon.pid

    def life(self, dice: random.Random) -> bool:
        """One pod from its ADD to its end; whether it came to run."""
        number = next(_numbers)
        name, path, key = f"pod{number}", f"/run/netns/soak-{number}", ("pods", "default", f"pod{number}")
        wanted = ",".join(["driver", "executable"] + ["broken"] * (dice.random() < 0.1))
        self.api.store.put(key, {"metadata": {"uid": f"uid-{number}", "annotations": {
            "k8s.v1.cni.cncf.io/networks": wanted}}})  # fmt: skip
        netns.create(path)
        env = {"CNI_PATH": str(self.bin), "CNI_CONTAINERID": f"soak{number}", "CNI_NETNS": path, "CNI_IFNAME": "eth0",
               "CNI_ARGS": f"K8S_POD_NAMESPACE=default;K8S_POD_NAME={name};K8S_POD_UID=uid-{number}"}  # fmt: skip
        try:
            return self._life(dice, env)
        finally:
            self.api.store.delete(key)
            netns.delete(path)

    def _life(self, dice: random.Random, env: Mapping[str, str]) -> bool:
        kind = dice.random()
        adding = self.launch("ADD", env)
        if kind < 0.1:  # the runtime gives up
            time.sleep(dice.random() * 0.1)
            adding.kill()
        beside = [self.launch("DEL", env)] if 0.1 <= kind < 0.15 else []
        runs = self.ended(adding) == 0
        if runs and not beside:
            if dice.random() < 0.2:
                self.ended(self.launch("CHECK", env))
            beside += [self.launch("DEL", env)] if kind > 0.9 else []
        end = time.monotonic() + _PATIENCE
        while self.ended(self.launch("DEL", env)) != 0:  # a runtime goes on until it works
            assert time.monotonic() < end, f"DEL of {env['CNI_CONTAINERID']} never succeeds"
            time.sleep(0.1)
        for call in beside:
            self.ended(call)
        return runs

    def launch(self, verb: str, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        call = subprocess.Popen([SHIM], env={"CNI_COMMAND": verb, **env}, stdin=subprocess.PIPE,
                                stdout=subprocess.DEVNULL)  # fmt: skip
        assert call.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            call.stdin.write(self.conf)
            call.stdin.close()
        return call

    def ended(self, call: subprocess.Popen[bytes]) -> int:
        return call.wait(2 * _PATIENCE)

    def kill_and_start(self) -> None:
        self.kill()
        self.start()

    def owes_nothing(self) -> bool:
        spool = self.state / ".spool"
        return not spool.exists() or not any(path.suffix == ".json" for path in spool.iterdir())

    def _define(self, name: str, config: Mapping[str, Any]) -> None:
        self.api.store.put(
            ("network-attachment-definitions", "default", name), {"spec": {"config": json.dumps(config)}}
        )
