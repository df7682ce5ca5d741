"""A container runtime's part of CNI: a namespace per pod, and the node's configuration called in it.

The configuration is run by `node.chain`, which does for delegates what a runtime's library does
for the shim.  The runtime's own state, one file per sandbox and a result cache, is below `state`.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plurimus.adapters import files, netns
from plurimus.adapters.plugins import Executables
from plurimus.adapters.results import ResultFiles
from plurimus.cli import pods
from plurimus.cni import conf, result
from plurimus.cni.errors import PlurimusError, RequestError
from plurimus.core.plan import Attachment, Plan, PodReference
from plurimus.model.pod import Pod
from plurimus.node.chain import Chain

NAMESPACES = Path("/run/netns")
IFNAME = "eth0"
TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One sandbox; `seconds` is how long its ADD took."""

    id: str
    namespace: str
    name: str
    uid: str
    netns: str
    seconds: float = 0.0

    @property
    def short(self) -> str:
        return self.id[:12]

    def document(self) -> dict[str, Any]:
        return asdict(self)


class Runtime:
    """Creates and deletes sandboxes with the CNI configuration `netconf` and the plugins in `bin_dir`."""

    def __init__(self, *, netconf: bytes, bin_dir: Path, state: Path) -> None:
        self._config = conf.parse(netconf)
        self._state = state
        self._chain = Chain(Executables(timeout=TIMEOUT), ResultFiles(state / "results"), (str(bin_dir),))

    async def create(self, pod: Pod) -> tuple[Sandbox, dict[str, Any]]:
        """A sandbox for `pod` and the result of its ADD; nothing is left when that fails.

        Raises:
            RequestError: the pod has a sandbox.
            PlurimusError: what the ADD answered.
        """
        for other in sandboxes(self._state):
            if (other.namespace, other.name) == (pod.namespace, pod.name):
                raise RequestError(f"pod {pod} has the sandbox {other.short} already; delete it first")
        container_id = secrets.token_hex(32)
        path = NAMESPACES / f"plurimus-{container_id[:12]}"
        netns.create(str(path))
        made = Sandbox(container_id, pod.namespace, pod.name, pod.uid, str(path))
        plan, attachment = self._plan(made)
        started = time.monotonic()
        try:
            answer = await self._chain.add(plan, attachment)
        except PlurimusError:
            await self._chain.delete(plan, attachment)
            netns.delete(str(path))
            raise
        made = Sandbox(**{**asdict(made), "seconds": round(time.monotonic() - started, 6)})
        files.replace(self._file(made), json.dumps(made.document()).encode(), durable=False)
        return made, result.dump(answer, self._config.cni_version)

    async def delete(self, sandbox: Sandbox) -> float:
        """Undo `create`; the seconds the DEL took.  A failed DEL leaves the sandbox for another try."""
        started = time.monotonic()
        await self._chain.delete(*self._plan(sandbox))
        seconds = time.monotonic() - started
        netns.delete(sandbox.netns)
        files.remove(self._file(sandbox))
        return seconds

    def find(self, text: str) -> Sandbox:
        """The sandbox of the pod `[namespace/]name`, or whose ID starts with `text`."""
        namespace, _, name = text.rpartition("/")
        for found in sandboxes(self._state):
            if (found.namespace, found.name) == (namespace or "default", name) or found.id.startswith(text):
                return found
        raise RequestError(f"no sandbox of a pod {text!r}, and none whose ID starts so; see `plurimus sandbox list`")

    def _plan(self, sandbox: Sandbox) -> tuple[Plan, Attachment]:
        pod = Pod(sandbox.namespace, sandbox.name, sandbox.uid)
        attachment = Attachment(IFNAME, self._config, self._config.name, pods.runtime_args(pod, sandbox.id))
        reference = PodReference(pod.namespace, pod.name, pod.uid)
        return Plan(sandbox.id, sandbox.netns, reference, (attachment,)), attachment

    def _file(self, sandbox: Sandbox) -> Path:
        return self._state / f"{sandbox.id}.json"


def sandboxes(state: Path) -> list[Sandbox]:
    """The sandboxes made with this state folder."""
    if not state.is_dir():
        return []
    return [Sandbox(**json.loads(path.read_text())) for path in sorted(state.glob("*.json"))]
