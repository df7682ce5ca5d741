"""Find and run CNI plugin executables; implements `ports.Plugins`.

A plugin's error object is passed on untouched.  Where a plugin fails without one, the message is
made of what it wrote, as the reference library does.

CNI spec, "Execution"; spec sections 1.3, 1.5 and 7.4.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog

from plurimus.adapters import process, rooted, spans
from plurimus.adapters.account import plugin
from plurimus.adapters.process import Finished
from plurimus.adapters.processmemory import ProcessMemory
from plurimus.adapters.remedies import remedy
from plurimus.cni import gojson
from plurimus.cni.errors import AttachmentError, Code, decode_error
from plurimus.core import measured

_log = structlog.get_logger(__name__)
_MOST_QUOTED = 2000
_BUSY_ATTEMPTS = 6
_BUSY_PAUSE = 1.0
_BUSY = os.strerror(errno.ETXTBSY).encode()
_CHROOT_CANNOT_RUN = 126

Gate = Callable[[str, str], AbstractAsyncContextManager[object]]
"""What a run of a plugin type, for a verb, is held in; it waits there until it may begin."""


def open_gate(_kind: str, _verb: str) -> AbstractAsyncContextManager[object]:
    return contextlib.nullcontext()


class Executables:
    """Runs plugins for at most `timeout` seconds each, behind `gate`; `chroot` is a folder to run them below.

    `memory` is told of each that runs.  With `chroot` a plugin is looked up there, and started by chroot(8): a change
    of root between fork and exec would cost the daemon its cheap way to start processes.
    """

    def __init__(
        self, *, timeout: float, chroot: str = "", gate: Gate = open_gate, memory: ProcessMemory | None = None
    ) -> None:
        self._timeout = timeout
        self._gate = gate
        self._memory = memory
        self._chroot = chroot.rstrip("/")

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        path = self.find(kind, search)
        argv = ["chroot", self._chroot, path] if self._chroot else [path]
        what = f"plugin {kind!r}"
        try:
            with plugin(kind, "executable", env["CNI_COMMAND"], env.get("CNI_IFNAME", "")):
                async with self._gate(kind, env["CNI_COMMAND"]):
                    with measured.PLUGINS_RUNNING.raised():
                        given = {**process.inherited(), **env, **spans.environment()}
                        finished = await self._when_free(kind, argv, given, stdin)
        except TimeoutError as error:
            raise AttachmentError(
                f"{what} did not end {env['CNI_COMMAND']} within {self._timeout:g} s; it was ended with its children",
                code=Code.TRY_AGAIN_LATER,
            ) from error
        except process.OutputTooLong as error:
            raise AttachmentError(f"{what} printed more than {process.MOST_OUTPUT} bytes and was ended") from error
        except OSError as error:
            raise AttachmentError(f"{what} at {path} cannot be run: {error.strerror}", details=remedy(error)) from error
        if finished.status != 0:
            raise _failure(finished)
        if finished.stderr:
            _log.debug("plugin wrote to stderr", plugin=kind, stderr=_quoted(finished.stderr))
        return finished.stdout

    async def call(self, kind: str, *, env: Mapping[str, str], conf: Mapping[str, Any], search: Sequence[str]) -> bytes:
        return await self.run(kind, env=env, stdin=gojson.encode(conf).encode(), search=search)

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        return None  # what an executable does is its own

    def reads_previous(self, kind: str, conf: Mapping[str, Any]) -> bool:
        return True

    def executables(self, kind: str, conf: Mapping[str, Any]) -> Sequence[str]:
        return (kind,)

    async def _when_free(self, kind: str, argv: Sequence[str], env: Mapping[str, str], stdin: bytes) -> Finished:
        """Run a file that may be open for writing: it is being installed, which takes a moment (S33)."""
        watch = None if self._memory is None else self._memory.of(kind)
        for _ in range(_BUSY_ATTEMPTS - 1):
            try:
                finished = await process.run(argv, env=env, stdin=stdin, timeout=self._timeout, watch=watch)
            except OSError as error:
                if error.errno != errno.ETXTBSY:
                    raise
            else:
                if not (self._chroot and finished.status == _CHROOT_CANNOT_RUN and _BUSY in finished.stderr):
                    return finished
            await asyncio.sleep(_BUSY_PAUSE)
        return await process.run(argv, env=env, stdin=stdin, timeout=self._timeout, watch=watch)

    def find(self, kind: str, search: Sequence[str]) -> str:
        """The path of the executable: the first regular file of that name in the folders of `search`.

        Raises:
            AttachmentError: there is none, or `kind` is no file name.
        """
        if not kind or "/" in kind or kind in (".", "..") or "\0" in kind:
            raise AttachmentError(f"invalid plugin name: {kind!r}")
        for folder in search:
            path = f"{folder}/{kind}"
            if os.path.isfile(rooted.below(self._chroot, path)):  # noqa: PTH113 - no name is too long for it
                return path
        raise AttachmentError(
            f"failed to find plugin {json.dumps(kind)} in path [{' '.join(search)}]"
            + (f" below {self._chroot}" if self._chroot else ""),
            details="install the plugin on this node, or set binDir to the folder that has it",
        )


def _failure(finished: Finished) -> AttachmentError:
    """The error a plugin that exited with another status than 0 stands for."""
    error = decode_error(finished.stdout)
    if error is not None:
        return error
    if finished.stdout.strip():
        return AttachmentError(f"netplugin failed but its error is no CNI error: {_quoted(finished.stdout)}")
    if finished.stderr.strip():
        return AttachmentError(f"netplugin failed: {_quoted(finished.stderr)}")
    return AttachmentError(f"netplugin failed with no error message: {_ending(finished.status)}")


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    return f"signal: {signal.strsignal(-status) or -status}"


def _quoted(output: bytes) -> str:
    text = output[:_MOST_QUOTED].decode(errors="replace").strip()
    return json.dumps(text + ("..." if len(output) > _MOST_QUOTED else ""), ensure_ascii=False)
