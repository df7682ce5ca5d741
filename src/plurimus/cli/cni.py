"""`python -m plurimus.cli.cni`: a CNI plugin, for one call; what the shim becomes on a node without a daemon.

Not a subcommand: the parser of command lines costs more than a DEL.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from plurimus.cli import lean  # noqa: F401 - before all that logs
from plurimus.cni import version
from plurimus.cni.errors import PlurimusError, encode_error
from plurimus.core import tracecontext
from plurimus.node import once
from plurimus.node.context import Request


def main() -> None:
    """Answer the runtime on standard output; the exit status is CNI's."""
    env = {key: value for key, value in os.environ.items() if key.startswith("CNI_") or key in tracecontext.VARIABLES}
    if env.get("CNI_COMMAND") == "VERSION":
        _say(json.dumps({"cniVersion": version.CURRENT, "supportedVersions": version.SUPPORTED}).encode() + b"\n")
        sys.exit(0)
    # not `asyncio.run`, which waits for threads before it returns: one may still wait for a server that does not answer
    loop = asyncio.new_event_loop()
    try:
        status = loop.run_until_complete(once.serve(Request(env, sys.stdin.buffer.read()), _say))
    except Exception as error:  # noqa: BLE001 - a runtime must get a CNI error, whatever happens here
        _say(encode_error(PlurimusError(f"internal error: {error!r}")))
        status = 1
    sys.stderr.flush()
    os._exit(status)


def _say(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
