"""`rping` between two namespaces of this node: whether RDMA gets from one address to another.

It is a program of rdma-core; the server is started in the one namespace, the client in the other.
"""

from __future__ import annotations

import shutil
import subprocess
import time

from plurimus.adapters import netns, process
from plurimus.cni.errors import AttachmentError

PROGRAM = "rping"
_PORT = "17174"
"""Not the one rping takes by itself, which the pod may use."""
_COUNT, _PONG = "3", "ping data:"
_TIMEOUT = 20.0
_TRIES, _PAUSE = 10, 0.2
"""A server says nowhere that it listens, so a client is tried again."""


def is_there() -> bool:
    """Whether this node, as it is seen from here, has the program."""
    return shutil.which(PROGRAM) is not None


def between(client: str, source: str, server: str, address: str) -> str:
    """What is wrong with RDMA from `source` in the namespace `client` to `address` in `server`; empty: nothing.

    Raises:
        AttachmentError: the program cannot be run.
    """
    serve = [PROGRAM, "-s", "-a", address, "-p", _PORT, "-C", _COUNT]
    try:
        listening = netns.visit(server, lambda: _start(serve))
    except OSError as error:
        raise AttachmentError(f"{PROGRAM} cannot be started: {error.strerror}") from error
    try:
        return _ask(client, [PROGRAM, "-c", "-v", "-I", source, "-a", address, "-p", _PORT, "-C", _COUNT], listening)
    finally:
        listening.kill()
        listening.wait()


def _start(argv: list[str]) -> subprocess.Popen[bytes]:
    silent = subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=silent, stdout=silent, stderr=silent, env=process.inherited())


def _ask(namespace: str, argv: list[str], listening: subprocess.Popen[bytes]) -> str:
    said = ""
    for _ in range(_TRIES):
        try:
            done = netns.visit(
                namespace,
                lambda: subprocess.run(
                    argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False, env=process.inherited()
                ),
            )
        except subprocess.TimeoutExpired:
            return f"no answer in {_TIMEOUT:g} s"
        if done.returncode == 0 and done.stdout.count(_PONG) == int(_COUNT):
            return ""
        said = " ".join((done.stderr or done.stdout).split()) or f"exit status {done.returncode}"
        if listening.poll() is not None:
            return f"the server in the other pod ended with status {listening.returncode}; the client said: {said}"
        time.sleep(_PAUSE)
    return said
