"""Where the configuration names a program the shim becomes it, and asks no daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import ConfigError
from plurimus.core import program as reader

from .fake import FakeDaemon
from .runtime import Node

TELL = """
import json, os, sys
said = {"argv": sys.argv[1:], "stdin": sys.stdin.read(), "env": dict(os.environ), "pid": os.getpid()}
json.dump(said, open(sys.argv[1], "w"))
print("answered")
sys.exit(3)
"""


def program(node: Node, *lines: str | Path) -> dict[str, Any]:
    """A configuration whose program is in a file with these lines."""
    path = node.folder / "program"
    path.write_text("".join(f"{line}\n" for line in lines))
    return node.conf(program=str(path))


def test_the_shim_becomes_the_program_with_the_request_as_it_came(node: Node, daemon: FakeDaemon) -> None:
    """Decision 14: words may have spaces; variables come first; the answer and the status are the program's."""
    told = node.folder / "told"
    code = TELL.replace("\n", ";").strip(";")
    conf = program(node, "PYTHONHOME_OF_TEST=/a b=c", "EMPTY=", sys.executable, "-I", "-c", code,
                   told, "two words", "x=y")  # fmt: skip
    stdin = json.dumps(conf | {"filler": "ü" * 100_000}, ensure_ascii=False).encode()
    ended = node.call("ADD", stdin, CNI_ARGS="a=b")
    assert (ended.status, ended.stdout, ended.stderr) == (3, b"answered\n", b"")
    said = json.loads(told.read_text())
    assert said["argv"] == [str(told), "two words", "x=y"]
    assert said["stdin"].encode() == stdin
    assert said["env"]["PYTHONHOME_OF_TEST"] == "/a b=c"
    assert said["env"]["EMPTY"] == ""
    assert (said["env"]["CNI_COMMAND"], said["env"]["CNI_ARGS"]) == ("ADD", "a=b")
    assert "PATH" not in said["env"]
    assert daemon.asked == []


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_program_the_daemon_is_asked(node: Node, daemon: FakeDaemon, value: str | None) -> None:
    """Decision 14: one shim for both."""
    assert node.call("ADD", node.conf(program=value)).status == 0
    assert daemon.asked != []


@pytest.mark.parametrize(("verb", "code"), [("ADD", 11), ("DEL", 11), ("CHECK", 11), ("GC", 11), ("STATUS", 50)])
def test_a_missing_file_is_named_with_what_to_do(node: Node, verb: str, code: int) -> None:
    """Decision 14: and a DEL is not spooled, but the runtime's to try again."""
    said = node.call(verb, node.conf(program="/nowhere/program")).refused(code)
    assert said == (
        "this node runs plurimus without a daemon, and its program cannot be run: cannot read /nowhere/program: "
        "No such file or directory; set it up again: plurimus thin"
    )
    assert node.spooled() == {}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["/nowhere/python", "-I"], "cannot execute /nowhere/python: No such file", id="missing"),
        pytest.param(["/etc/passwd"], "cannot execute /etc/passwd: Permission denied", id="no-executable"),
        pytest.param(["python3"], "no absolute path", id="relative"),
        pytest.param(["./a=b"], "no absolute path", id="no-variable"),
        pytest.param([], "names no program", id="empty"),
        pytest.param(["A=b"], "names no program", id="only-variables"),
        pytest.param(["/bin/true"] * 300, "too many lines", id="many"),
        pytest.param(["/" + "x" * 70_000], "too long", id="long"),
        pytest.param(["/bin/tr\0ue"], "it has a NUL", id="nul"),
    ],
)
def test_a_program_that_cannot_be_run_says_why(node: Node, lines: list[str], words: str) -> None:
    """Decision 14: a clear CNI error, whatever is in the file."""
    assert words in node.call("ADD", program(node, *lines)).refused(11)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"A=b\n",
        b"=x\n/bin/true\n",
        b"python3\n",
        b"./a=b\n",
        b"a/b=c\n/bin/true\n",
        b"/bin/tr\0ue\n",
        b"/bin/true\n" * 256,
        b"/bin/true\n" * 257,
        b"/bin/true\n" + b"x" * (2**16 - 11),
        b"/bin/true\n" + b"x" * (2**16 - 10),
    ],
)
def test_python_takes_what_the_shim_takes(node: Node, content: bytes) -> None:
    """Decision 14: so that what is put on a node works there, and what cannot work is seen."""
    (node.folder / "program").write_bytes(content)
    taken = node.call("ADD", node.conf(program=str(node.folder / "program"))).status == 0
    try:
        reader.read(content)
    except ConfigError:
        assert not taken
    else:
        assert taken


def test_python_reads_the_words_as_the_shim_does(node: Node) -> None:
    """Decision 14: empty lines do not count, and only a line feed ends one."""
    told = node.folder / "told"
    code = TELL.replace("\n", ";").strip(";")
    lines = ("A=b=c", "", "D.e =", sys.executable, "-I", "", "-c", code, told, "F=g", "=h", "a\r\u2028b", "\v")
    conf = program(node, *lines)
    assert node.call("ADD", conf).status == 3
    said = json.loads(told.read_text())
    variables, command = reader.read(Path(conf["program"]).read_bytes())
    assert variables.items() <= said["env"].items()
    assert variables == {"A": "b=c", "D.e ": ""}
    assert command == [sys.executable, "-I", "-c", code, *said["argv"]]


@pytest.mark.parametrize("value", ["program", 5, "/" + "x" * 5000])
def test_a_path_must_be_absolute_and_short(node: Node, value: object) -> None:
    """Decision 14."""
    code = 11 if value == "program" else 7
    assert "program" in node.call("ADD", node.conf(program=value)).refused(code)


def test_version_needs_no_program() -> None:
    """F6: the shim's own answer."""
    node = Node(Path("/nowhere"))
    assert b"1.1.0" in node.call("VERSION", node.conf(program="/nowhere/program")).printed()
