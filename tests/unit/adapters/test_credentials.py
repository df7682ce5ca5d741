"""Who the daemon is, at any moment: token files, credential programs, certificates, while they are replaced."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
import textwrap
from pathlib import Path
from typing import Any

import pytest
import trustme

from plurimus.adapters.credentials import Credentials
from plurimus.adapters.kubeconfig import Access, ExecPlugin
from plurimus.cni.errors import ClusterError, Code

SERVER = "https://10.0.0.1:6443"


async def header(credentials: Credentials) -> str | None:
    return (await credentials.current())[0].get("Authorization")


async def context(credentials: Credentials) -> ssl.SSLContext | None:
    return (await credentials.current())[1]


async def refused(credentials: Credentials) -> str:
    """The words of the error, which leaves hope."""
    with pytest.raises(ClusterError) as raised:
        await credentials.current()
    assert raised.value.code == Code.TRY_AGAIN_LATER
    return str(raised.value)


async def test_a_token_file_is_read_when_it_changes(tmp_path: Path) -> None:
    """S15, F80: whether it is written anew or replaced as kubelet does, by turning a link."""
    for name, text in (("one", "first\n"), ("two", "second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(text)
    link = tmp_path / "data"
    link.symlink_to("one")
    credentials = Credentials(Access(SERVER, token_file=link / "token"))
    assert await header(credentials) == "Bearer first"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(link)
    assert await header(credentials) == "Bearer second"
    (link / "token").write_text("third one".replace(" ", "-"))
    assert await header(credentials) == "Bearer third-one"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param(b" \n", "the file is empty", id="empty"),
        pytest.param(b"first\nsecond", "characters no HTTP header may have", id="two-lines"),
        pytest.param(b"a\r\nHost: elsewhere", "characters no HTTP header may have", id="a-header"),
        pytest.param(b"\xff\xfe\x00", "characters no HTTP header may have", id="binary"),
    ],
)
async def test_a_token_file_with_no_token_is_a_failure_for_now(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    """A file may be read while it is written; the token itself is in no message."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    credentials = Credentials(Access(SERVER, token_file=path))
    text = await refused(credentials)
    assert words in text
    assert "second" not in text
    path.write_text("secret-token")
    assert await header(credentials) == "Bearer secret-token"


async def test_a_token_in_the_kubeconfig_and_no_token_at_all() -> None:
    assert await header(Credentials(Access(SERVER, token="secret"))) == "Bearer secret"
    assert await header(Credentials(Access(SERVER))) is None


class Program:
    """A credential program that counts its runs; `prints` is what it gives from now on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.plugin = ExecPlugin(
            str(folder / "program"), ("get", "token"), {"REGION": "here"}, "client.authentication.k8s.io/v1"
        )
        body = """\
            #!/bin/sh
            cd "$(dirname "$0")"
            echo "$* $REGION $KUBERNETES_EXEC_INFO" >>runs
            sleep "$(cat sleep)"
            cat output
            echo "ask the administrator" >&2
            exit "$(cat status)"
            """
        (folder / "program").write_text(textwrap.dedent(body))
        (folder / "program").chmod(0o755)
        (folder / "sleep").write_text("0")

    def prints(self, status: Any, code: int = 0) -> None:
        text = status if isinstance(status, str) else json.dumps({"kind": "ExecCredential", "status": status})
        (self._folder / "output").write_text(text)
        (self._folder / "status").write_text(str(code))

    def takes(self, seconds: float) -> None:
        (self._folder / "sleep").write_text(str(seconds))

    @property
    def runs(self) -> list[str]:
        path = self._folder / "runs"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def ends(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_credential_program_is_run_when_what_it_gave_ends(program: Program) -> None:
    credentials = Credentials(Access(SERVER, exec=program.plugin))
    program.prints({"token": "short", "expirationTimestamp": ends(5)})
    assert await header(credentials) == "Bearer short"
    program.prints({"token": "long", "expirationTimestamp": ends(3600)})
    assert await header(credentials) == "Bearer long"
    program.prints({"token": "another"})
    assert await header(credentials) == "Bearer long"
    credentials.forget()
    assert await header(credentials) == "Bearer another"
    assert await header(credentials) == "Bearer another"
    assert len(program.runs) == 3
    words, _, info = program.runs[0].partition("{")
    assert words == "get token here "
    assert json.loads("{" + info) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


async def test_many_requests_at_once_run_the_credential_program_once(program: Program) -> None:
    credentials = Credentials(Access(SERVER, exec=program.plugin))
    program.prints({"token": "one", "expirationTimestamp": ends(3600)})
    program.takes(0.2)
    assert await asyncio.gather(*(header(credentials) for _ in range(10))) == ["Bearer one"] * 10
    assert len(program.runs) == 1


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        pytest.param({"token": "x"}, 3, "failed with status 3: ask the administrator", id="fails"),
        pytest.param("no JSON", 0, "gave no credential", id="no-json"),
        pytest.param('{"status": "token"}', 0, "gave no credential", id="text-for-an-object"),
        pytest.param('{"kind": "ExecCredential"}', 0, "gave no credential", id="no-status"),
        pytest.param({}, 0, "gave neither a token nor a certificate", id="empty"),
        pytest.param({"token": 5}, 0, "gave no credential", id="a-number"),
        pytest.param({"token": "x", "expirationTimestamp": "soon"}, 0, "gave no credential", id="no-time"),
    ],
)
async def test_a_credential_program_that_gives_nothing_is_a_failure_for_now(
    program: Program, status: Any, code: int, words: str
) -> None:
    credentials = Credentials(Access(SERVER, exec=program.plugin))
    program.prints(status, code)
    assert words in await refused(credentials)
    program.prints({"token": "good"})
    assert await header(credentials) == "Bearer good"


async def test_a_credential_program_that_is_not_there(tmp_path: Path) -> None:
    credentials = Credentials(Access(SERVER, exec=ExecPlugin(str(tmp_path / "nothing"))))
    assert "nothing' gave no credential: " in await refused(credentials)


def write(authority: trustme.CA, folder: Path, *, key_of: trustme.LeafCert | None = None) -> trustme.LeafCert:
    """A certificate and a key as files, its own unless told otherwise."""
    issued = authority.issue_cert("node")
    issued.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    (key_of or issued).private_key_pem.write_to_path(folder / "tls.key")
    return issued


async def test_certificates_are_read_when_they_change_and_only_then(tmp_path: Path) -> None:
    """Half of a pair that is being replaced is a failure for now, and no end of anything."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    first = write(authority, tmp_path)
    credentials = Credentials(
        Access(SERVER, ca=tmp_path / "ca.crt", certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key")
    )
    made = await context(credentials)
    assert made is not None
    assert made is await context(credentials)
    second = write(authority, tmp_path, key_of=first)
    assert f"identity for {SERVER}: " in await refused(credentials)
    second.private_key_pem.write_to_path(tmp_path / "tls.key")
    assert await context(credentials) not in (None, made)
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    assert f"identity for {SERVER}: " in await refused(credentials)
    (tmp_path / "ca.crt").unlink()
    assert "No such file" in await refused(credentials)


async def test_the_certificate_of_a_credential_program_is_the_identity(program: Program) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("node")
    data = {
        "clientCertificateData": issued.cert_chain_pems[0].bytes().decode(),
        "clientKeyData": issued.private_key_pem.bytes().decode(),
    }
    credentials = Credentials(Access(SERVER, ca=authority.cert_pem.bytes(), exec=program.plugin))
    program.prints(data)
    headers, made = await credentials.current()
    assert headers == {}
    assert made is not None
    program.prints({**data, "clientKeyData": "no key"})
    credentials.forget()
    assert "identity for" in await refused(credentials)


async def test_plain_http_has_no_tls() -> None:
    assert await context(Credentials(Access("http://localhost"))) is None
