"""libFuzzer over the shim: it changes inputs by what they reach, and keeps those that reach more.

`tools/clang.sh` unpacks the compiler; what is kept of inputs stays in `build/fuzz` for the next run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.shim.parts import PURE
from tests.shim.runtime import ENV, ROOT
from tests.shim.test_fuzz import SANITIZERS

from . import corpus

CLANG = ROOT / "build/clang/clang"
SEPARATOR, REFUSED = b"\x1e", b"\x15"
"""Of `tests/shim/fuzz_whole.c`."""
_TOKENS = (
    "cniVersion", "cniDir", "daemonSocketDir", "daemonTimeout", "program", "Result", "ips", "routes", "msg", "code",
    "HTTP/1.1 200 OK\\x0d\\x0a", "HTTP/1.1 404 No\\x0d\\x0a", "Content-Length: ", "Plurimus-Exit: ", "STATUS", "null",
    "Transfer-Encoding: chunked", "HTTP/1.1 100 Continue\\x0d\\x0a\\x0d\\x0a", "\\x0d\\x0a\\x0d\\x0a", "\\\\ud83c",
    "CNI_COMMAND=", "CNI_CONTAINERID=", "CNI_IFNAME=", "\\x22", "\\x1e", "\\x1e\\x15", "\\x00",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A harness in C, what it is compiled with, and where it starts from."""

    name: str
    sources: tuple[str, ...]
    flags: tuple[str, ...]
    seeds: Sequence[bytes]

    def compiled(self, folder: Path, *flags: str, root: Path = ROOT) -> Path:
        """An executable in `folder`."""
        assert CLANG.exists(), f"{CLANG} is missing: run `make fuzz`, or tools/clang.sh build/clang"
        made = folder / f"{self.name}{len(flags)}"
        argv = [CLANG, "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *self.flags, *flags]
        subprocess.run([*argv, "-o", made, *(root / source for source in self.sources)], check=True)
        return made

    def sown(self, folder: Path) -> Path:
        """`folder` with the seeds in it."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(self.seeds):
            (folder / f"seed-{number}").write_bytes(seed)
        return folder


def fuzzed(binary: Path, inputs: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What became of a run that starts from `inputs`, and leaves there what reaches more."""
    words = binary.with_suffix(".words")
    words.write_text("".join(f'"{token}"\n' for token in _TOKENS))
    argv = [
        binary,
        f"-dict={words}",
        "-max_len=9000",
        "-timeout=30",
        f"-artifact_prefix={binary.parent}/",
        *options,
        inputs,
    ]
    env = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    return subprocess.run(argv, env=env, cwd=binary.parent, capture_output=True, text=True, errors="replace",
                          check=False)  # fmt: skip


def reached(target: Target, folder: Path, inputs: Path) -> tuple[int, int]:
    """Edges between the blocks of the code that `inputs` lead over, and all; those that sanitizers add do not count."""
    bare = target.compiled(folder, "-fsanitize=fuzzer")
    done = fuzzed(bare, inputs, "-runs=0", "-print_coverage=1")
    found = re.findall(r"COVERED_FUNC: hits: \d+ edges: (\d+)/(\d+) \S+ \S*/shim/(?!fuzz)", done.stderr)
    assert done.returncode == 0, done.stderr[-3000:]
    return sum(int(some) for some, _ in found), sum(int(every) for _, every in found)


def _answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _answers() -> Iterator[bytes]:
    for result in corpus.RESULTS:
        yield _answer(json.dumps(result).encode(), b"Plurimus-Exit: 0")
        multus = json.dumps({"Result": {**result, "cniVersion": "1.1.0"}}).encode()
        yield _answer(multus)
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(multus), multus)
    yield _answer(b'{"code":11,"msg":"later"}', b"Plurimus-Exit: 1", status=b"400 Bad Request")
    yield _answer(b'{"code":7,"msg":"no"}', status=b"500 No")
    yield _answer(b"no JSON", status=b"500 No")


def _whole() -> Iterator[bytes]:
    """Whole requests: one of each kind with each answer, and a daemon that is away, slow, old or stays connected."""
    own = {"cniDir": "/state", "daemonSocketDir": "/socket", "daemonTimeout": 2.5}
    confs = [{"name": "n", "cniVersion": version, **own} for version in ("0.2.0", "0.3.1", "1.1.0")] + corpus.NETCONF
    ready, lacks = _answer(b""), _answer(b"404 page not found", status=b"404 Not Found")
    begun = b"HTTP/1.1 100 Continue\r\n\r\n"
    program = b"NAME=value\n/usr/bin/python3\n-m\nx"

    def one(conf: object, verb: str, *streams: bytes) -> bytes:
        env = "\n".join(f"{key}={value}" for key, value in {"CNI_COMMAND": verb, **ENV}.items())
        return SEPARATOR.join([json.dumps(conf).encode(), env.encode(), program, *streams])

    for conf in confs:
        for answer in _answers():
            yield one(conf, "ADD", begun + answer)
            yield one(conf, "ADD", lacks, ready, answer)
    for verb in ("DEL", "CHECK", "GC", "STATUS", "VERSION"):
        yield one(confs[0], verb, begun + next(_answers()))
        yield one(confs[0], verb, begun)
        yield one(confs[0], verb, REFUSED)
        yield one(confs[0], verb, _answer(b"", status=b"503 Ending"), next(_answers()))
        yield one(confs[0], verb, lacks, ready, REFUSED)
        yield one(confs[0], verb, lacks, lacks, ready, next(_answers()))
        yield one({**own, "program": "/program"}, verb)
    for words in (b"--version", b"--ask\n/readyz\n/socket\n3"):
        yield SEPARATOR.join([b"", words, b"", ready])


def _parts() -> list[bytes]:
    documents = [
        *corpus.NETCONF,
        *corpus.RESULTS,
        corpus.HOST_LOCAL,
        {"a": {"b": [1, {"c": 'd"e\\'}]}, "s": "\U0001f389\0"},
    ]
    return [json.dumps(each).encode() for each in documents] + [*_answers(), b"sandbox-1.a_b", b"eth0", b"\xff\xfe\x01"]


WHOLE = Target("whole", ("tests/shim/fuzz_whole.c",), (), list(_whole()))
PARTS = Target("parts", ("tests/shim/fuzz.c", *(f"shim/{name}" for name in PURE)), ("-DGUIDED",), _parts())
GUIDED = ("-fsanitize=fuzzer", *SANITIZERS)


def told(outcome: subprocess.CompletedProcess[str]) -> str:
    """The end of what was said, with the input that did it in base64."""
    return outcome.stderr[-4000:]


def runs(outcome: subprocess.CompletedProcess[str]) -> int:
    """How many inputs there were."""
    found: Iterable[str] = re.findall(r"stat::number_of_executed_units: (\d+)", outcome.stderr)
    return sum(map(int, found))
