"""The shim, built whole with sanitizers: what a runtime hands it, and what whoever is at the socket answers it.

This is the program itself, with its files, its socket and its spool, some hundred times a minute.  In
`test_shim_guided.py` libFuzzer runs it without those, some thousand times a second, led by what it reaches.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.shim.runtime import ENV, ROOT
from tests.shim.test_fuzz import SANITIZERS

from . import corpus
from .mutations import SECONDS, blobs, documents, hammer, texts

_PATIENCE = 60
NOBODY = 65534
_SANITIZED = {"ASAN_OPTIONS": "detect_leaks=0:exitcode=77", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=77"}
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nPlurimus-Exit: 0\r\n\r\n{}",
    b"HTTP/1.1 400 Bad\r\nContent-Length: 24\r\nPlurimus-Exit: 1\r\n\r\n" + b'{"code":11,"msg":"later"}',
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'28\r\n{"Result":{"cniVersion":"1.1.0","ips":[]}}\r\n0\r\n\r\n'
    ),
    b"HTTP/1.1 200 OK\r\nContent-Length: 260\r\n\r\n" + json.dumps({"Result": corpus.RESULTS[0]}).encode(),
]


class Answering:
    """Whoever is at the socket: probes are answered, calls get `self.answer`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.answer = ANSWERS[0]
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "multus.sock"))
        (folder / "multus.sock").chmod(0o666)
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(_PATIENCE)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            with channel:
                channel.settimeout(_PATIENCE)
                try:
                    self._answer(channel)
                except OSError:  # the shim has had enough
                    continue

    def _answer(self, channel: socket.socket) -> None:
        heard = channel.recv(1 << 20)
        if heard.split(b" ")[1:2] in ([b"/readyz"], [b"/healthz"]):
            channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        head, _, body = heard.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length and (more := channel.recv(1 << 20)):
            body += more
        channel.sendall(self.answer)


@pytest.fixture(scope="module")
def own_folder() -> Iterator[Path]:
    """The one place where the user may write whom the shim runs as: mutated paths lead anywhere."""
    folder = Path(tempfile.mkdtemp(prefix="plurimus-fuzz-"))
    folder.chmod(0o755)
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def built(own_folder: Path) -> Path:
    made = own_folder / "shim"
    sources = sorted((ROOT / "shim").glob("*.c"))
    flags = ("-std=gnu11", "-g", "-O1", '-DPLURIMUS_VERSION="0"', *SANITIZERS)
    subprocess.run(["cc", *flags, "-o", made, *sources], check=True)
    return made


@pytest.fixture
def daemon(own_folder: Path) -> Iterator[Answering]:
    made = Answering(own_folder / "socket")
    try:
        yield made
    finally:
        made.close()


def run(shim: Path, stdin: bytes, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    spread = int(Path("/proc/sys/vm/mmap_rnd_bits").read_text()) > 28  # see tests/shim/test_fuzz.py
    argv = [*(("setarch", "--addr-no-randomize") if spread else ()), str(shim)]
    full = {"PATH": os.environ["PATH"], **_SANITIZED, **env}
    return subprocess.run(argv, input=stdin, env=full, capture_output=True, timeout=_PATIENCE, check=False,
                          cwd=shim.parent, user=NOBODY, group=NOBODY, extra_groups=[])  # fmt: skip


def is_plain(done: subprocess.CompletedProcess[bytes]) -> None:
    """It ended by itself, with 0 or a CNI error; a sanitizer would have ended it with 77 and words."""
    assert done.returncode in (0, 1), (done.returncode, done.stderr[-2000:])
    assert b"Sanitizer" not in done.stderr
    assert b"runtime error" not in done.stderr


def test_no_input_breaks_the_shim(built: Path, daemon: Answering, own_folder: Path) -> None:
    own = {"daemonSocketDir": str(own_folder / "socket"), "cniDir": str(own_folder / "state"), "daemonTimeout": 0.2}
    confs = [{**conf, **own} for conf in (corpus.NETCONF[0], {"name": "n", "cniVersion": "0.2.0", "type": "multus"})]
    variables = [{**ENV, "CNI_COMMAND": verb} for verb in ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")]
    inputs = st.tuples(texts(confs), documents(variables), blobs(ANSWERS))

    def check(value: tuple[bytes, object, bytes]) -> None:
        stdin, env, daemon.answer = value
        given = {key: str(text) for key, text in env.items()} if isinstance(env, dict) else {}
        if any("\0" in key + text or "=" in key or not key for key, text in given.items()):
            return  # no environment can have it
        given = {key: text.encode("utf-8", "replace").decode() for key, text in given.items()}
        if b'"program"' in stdin or b"CNI_COMMAND" not in b"".join(key.encode("utf-8", "replace") for key in given):
            return
        is_plain(run(built, stdin, {key.encode("utf-8", "replace").decode(): text for key, text in given.items()}))

    assert hammer(SECONDS * 0.4, inputs, check, examples=20) >= 20
