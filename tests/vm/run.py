"""Boot the machine and run the tests of tests/vm/inside in it, or a command.

usage: python -m tests.vm.run [OPTION...] [-- WORD...]

The words are pytest's, or with --command those of a command.  The exit status is that of pytest or of the command, 3 if
the machine did not tell it.  The host's part runs in a network namespace of its own, and needs root.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.cluster import deployed, objects
from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import eventually
from tests.isolation import isolate

from .machine import GATEWAY, MOST_CARDS, ROOT, Machine, MachineError

INSIDE = "tests/vm/inside"
PYTEST = [
    ".venv/bin/python",
    "-m",
    "pytest",
    "--config-file=tests/vm/pytest.ini",
    "--rootdir=.",
    "--confcutdir=tests/vm",
]
SLOW = {"PLURIMUS_TESTS_SLOWER": "10", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
TOLD = ("PLURIMUS_CHURN_SECONDS", "PLURIMUS_KILL_EVERY", "PYTHONPATH")
"""Variables that the guest has from here, where they are set."""
COMPILED = ("src", "tests/vm", "tests/node", "tests/cluster", "tests/interop")
"""Python is slow in the guest, which can keep nothing it has compiled."""


def main() -> int:
    """Run what the command line says; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cards", type=int, choices=range(1, MOST_CARDS + 1), default=MOST_CARDS, metavar="NUMBER")
    parser.add_argument("--memory", type=int, default=3072, metavar="MIB")
    parser.add_argument("--rdma", choices=("shared", "exclusive"), default="shared")
    parser.add_argument("--seconds", type=float, default=1800, help="after which the machine is switched off")
    parser.add_argument("--control-plane", action="store_true", help="etcd and the API server beside the machine")
    parser.add_argument("--command", action="store_true", help="the words are a command, not pytest's")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    told = parser.parse_args()
    words = told.words[1:] if told.words[:1] == ["--"] else told.words
    words = words if told.command else [*PYTEST, *_paths(words), *words]
    isolate()
    for folder in COMPILED:
        compileall.compile_dir(ROOT / folder, quiet=1)
    with ExitStack() as stack:
        results = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plurimus-vm-")))
        environment = SLOW | {name: os.environ[name] for name in TOLD if name in os.environ}
        if told.control_plane:
            environment["KUBECONFIG"] = str(stack.enter_context(_control_plane()))
        machine = Machine(told.cards, told.memory, told.rdma)
        started = time.monotonic()
        try:
            status = machine.run(shlex.join(words), results, seconds=told.seconds, environment=environment)
        except MachineError as error:
            print(f"\nvm: {error}", file=sys.stderr, flush=True)
            return 3
        took, booted = time.monotonic() - started, float((results / "booted").read_text())
        _say(f"booted in {booted:.0f} s, ran {took - booted:.0f} s, exit status {status}")
        return status


def _paths(words: Sequence[str]) -> list[str]:
    """All tests of the machine, where pytest's words name none."""
    return [] if any((ROOT / word.partition("::")[0]).exists() for word in words) else [INSIDE]


@contextmanager
def _control_plane() -> Iterator[Path]:
    """The kubeconfig of an administrator, as the guest can use it; the API server knows the kinds of whereabouts."""
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="plurimus-vm-cluster-") as folder,
        ControlPlane(Path(folder), for_pods=True) as cluster,
    ):
        config = cluster.kubeconfig.read_text().replace("https://localhost:", f"https://{GATEWAY}:")
        cluster.kubeconfig.write_text(config)
        for definition in deployed.manifest("whereabouts.yaml"):
            objects.create(cluster.admin, definition)
            eventually(partial(cluster.admin.get, objects.path(definition)), objects.established)
        _say(f"the API server was ready after {time.monotonic() - started:.0f} s")
        yield cluster.kubeconfig


def _say(text: str) -> None:
    print(f"vm: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
