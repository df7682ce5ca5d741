"""Whether a program is a CNI plugin that this machine can run: it is asked before anything relies on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plurimus.adapters import process
from plurimus.cni import gojson
from plurimus.cni.errors import ConfigError

_TIMEOUT = 30.0


async def probe(what: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Have it answer VERSION; `what` is its name in the error.

    Raises:
        ConfigError: it does not.
    """
    env = {**(env or {}), "CNI_COMMAND": "VERSION"}
    try:
        done = await process.run(command, env=env, stdin=b"{}", timeout=_TIMEOUT)
        versions = gojson.decode_object(done.stdout).get("supportedVersions")
    except (OSError, TimeoutError, process.OutputTooLong, ValueError) as error:
        raise ConfigError(f"{what} does not work on this machine: {error}") from error
    if not versions:
        raise ConfigError(f"{what} does not answer VERSION: it is no CNI plugin")
