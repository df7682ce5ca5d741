"""Which program runs in which namespace for an RDMA ping, and what becomes of its end; TCP stands for RDMA here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import rping

from .pods import PEER, POD, ip, two_interfaces

pytestmark = pytest.mark.usefixtures("root")

PROGRAM = """
import socket, sys
argv = sys.argv[1:]
told = {each: argv[argv.index(each) + 1] for each in ("-a", "-p", "-C", "-I") if each in argv}
there = (told["-a"], int(told["-p"]))
if "-s" in argv:
    with socket.create_server(there) as server:
        server.accept()[0].sendall(b"ping data: ok\\n" * int(told["-C"]))
else:
    with socket.create_connection(there, 5, (told["-I"], 0)) as client:
        print(client.makefile().read())
"""


@pytest.fixture(autouse=True)
def pods(root: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "rping").write_text(f"#!{sys.executable} -IS\n{PROGRAM}")
    (tmp_path / "rping").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    with two_interfaces():
        ip("addr", "add", "10.0.1.1/24", "dev", "peer1", namespace=PEER)
        yield


def test_an_answer_from_the_other_namespace_is_nothing_wrong() -> None:
    assert rping.is_there()
    assert rping.between(POD, "10.0.1.2", PEER, "10.0.1.1") == ""
    assert rping.between(POD, "10.0.1.2", PEER, "10.0.1.1") == ""  # the server of the first has gone


def test_the_program_gets_no_headers_of_the_daemons_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "rping"
    told = "import os\nif 'OTEL_EXPORTER_OTLP_HEADERS' in os.environ: raise SystemExit('told')"
    program.write_text(program.read_text().replace("import socket", f"{told}\nimport socket"))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret")
    assert rping.between(POD, "10.0.1.2", PEER, "10.0.1.1") == ""


def test_an_address_the_other_does_not_have_is_told(tmp_path: Path) -> None:
    said = rping.between(POD, "10.0.1.2", PEER, "10.0.1.9")
    assert said.startswith("the server in the other pod ended with status 1; the client said: ")
    assert str(tmp_path) not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


def test_a_client_that_sends_nothing_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    (tmp_path / "rping").write_text("#!/bin/sh\ncase $1 in -s) exec sleep 60 ;; esac\n")
    assert rping.between(POD, "10.0.1.2", PEER, "10.0.1.1") == "exit status 0"


def test_a_node_without_the_program_is_told_from_one_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rping").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not rping.is_there()
