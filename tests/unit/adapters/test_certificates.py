"""A certificate and its key in a file, and the process that makes and reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plurimus.adapters import certificates, x509
from plurimus.adapters.certificates import CURRENT, CertificateFile
from plurimus.cni.errors import AttachmentError, ClusterError
from plurimus.model.signing import GROUP, Subject, user

NOW = 1_700_000_000.0
LONG = user("worker-0.a-cluster-with-a-name-that-people-like.of-a-department.example.org")


@pytest.fixture(scope="module")
def issued() -> list[tuple[str, str]]:
    """Certificates with their keys, of one authority."""
    ca = trustme.CA()
    made = [ca.issue_cert(f"host-{number}", common_name=user("node-1")) for number in range(3)]
    return [(each.cert_chain_pems[0].bytes().decode(), each.private_key_pem.bytes().decode()) for each in made]


@pytest.mark.parametrize("name", [user("node-1"), LONG], ids=["short", "longer-than-X.520-allows"])
async def test_a_request_asks_for_the_name_and_the_organization_and_nothing_else(name: str) -> None:
    """F76."""
    made = await certificates.new_key(name, GROUP)
    assert x509.subject(made.request.encode()) == Subject((name,), (GROUP,))
    assert (await certificates.new_key(name, GROUP)).key != made.key


async def test_a_certificate_is_stored_and_read(issued: list[tuple[str, str]], tmp_path: Path) -> None:
    """F76: one file for root alone, below the link that Multus has, too, in a new folder."""
    file = CertificateFile(tmp_path / "certs")
    assert await file.read() is None
    certificate, key = issued[0]
    stored = await file.store(certificate, key, now=NOW)
    assert (await file.read(), stored.name) == (stored, user("node-1"))
    assert file.path.name == CURRENT
    assert file.path.readlink() == Path("multus-client-2023-11-14-22-13-20-000000.pem")
    assert (file.path.stat().st_mode & 0o777, file.path.read_text()) == (0o600, certificate + key)


async def test_the_next_one_takes_its_place_and_old_ones_go(issued: list[tuple[str, str]], tmp_path: Path) -> None:
    """F76: files of others stay, and those that a writer which was killed left do no harm."""
    (tmp_path / f".{CURRENT}.tmp").symlink_to("elsewhere")
    (tmp_path / ".multus-client-2023-11-14-22-13-19-000000.pem.tmp").write_text("half of a key")
    (tmp_path / "multus-client-notes.txt").touch()
    file = CertificateFile(tmp_path)
    for number, (certificate, key) in enumerate(issued):
        await file.store(certificate, key, now=NOW + number)
        assert file.path.read_text() == certificate + key
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "multus-client-2023-11-14-22-13-22-000000.pem", CURRENT, "multus-client-notes.txt",
    ]  # fmt: skip


async def test_what_is_no_certificate_with_its_key_is_not_stored(issued: list[tuple[str, str]], tmp_path: Path) -> None:
    """F76: the old one stays."""
    file = CertificateFile(tmp_path)
    await file.store(*issued[0], now=NOW)
    for certificate, key in ((issued[1][0], issued[2][1]), ("", issued[1][1]), (issued[1][0], "")):
        with pytest.raises(ClusterError, match=f"^{file.path}: "):
            await file.store(certificate, key, now=NOW + 1)
    assert file.path.read_text() == "".join(issued[0])


async def test_a_folder_that_cannot_be_written_is_named(issued: list[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / "certs").touch()
    with pytest.raises(AttachmentError, match=f"cannot .* {tmp_path}/certs"):
        await CertificateFile(tmp_path / "certs").store(*issued[0], now=NOW)


@pytest.mark.parametrize("content", [b"", b"torn", b"-----BEGIN CERTIFICATE-----\n"], ids=["empty", "text", "torn"])
async def test_a_file_that_is_no_certificate_is_an_error_with_its_path(content: bytes, tmp_path: Path) -> None:
    """F76: the daemon asks for a new one then."""
    (tmp_path / CURRENT).write_bytes(content)
    with pytest.raises(ClusterError, match=f"^{tmp_path}/{CURRENT}: "):
        await CertificateFile(tmp_path).read()


def signed(*attributes: tuple[library.ObjectIdentifier, str], host: str = "") -> bytes:
    """A request as people make it by other means."""
    names = library.Name([library.NameAttribute(oid, value) for oid, value in attributes])
    builder = library.CertificateSigningRequestBuilder().subject_name(names)
    if host:
        builder = builder.add_extension(library.SubjectAlternativeName([library.DNSName(host)]), critical=False)
    request = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def test_all_a_request_asks_for_is_seen() -> None:
    """F77: several names, other attributes, extensions; nothing of it may slip by the approver."""
    asked = signed(
        (NameOID.COMMON_NAME, "a"), (NameOID.ORGANIZATION_NAME, "o"), (NameOID.COMMON_NAME, "b"),
        (NameOID.ORGANIZATION_NAME, "system:masters"), (NameOID.SERIAL_NUMBER, "1"), host="api.example.org",
    )  # fmt: skip
    assert x509.subject(asked) == Subject(("a", "b"), ("o", "system:masters"), ("2.5.4.5", "2.5.29.17"))


def test_a_request_that_a_signer_may_read_otherwise_is_not_read() -> None:
    """F77: a second one, or text around it, by which two readers might find two requests."""
    right, other = (signed((NameOID.COMMON_NAME, name)) for name in ("right", "other"))
    assert x509.subject(right + b"\n") == Subject(("right",), ())
    for asked in (right + other, b"x" + right + other, b"text\n" + right, right.replace(b"\n", b"\nkey: value\n\n", 1)):
        with pytest.raises(ValueError, match=r"."):
            x509.subject(asked)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
)
def test_what_is_no_request_is_a_value_error(content: bytes) -> None:
    """F77: anybody may write one, and the approver goes on."""
    with pytest.raises(ValueError, match=r"."):
        x509.subject(content)


def test_neither_a_daemon_nor_a_call_loads_the_library() -> None:
    """Decision 17: it would be 10 MB on every node."""
    code = (
        "import plurimus.cli.daemon, plurimus.cli.cni, plurimus.node.approve, sys; print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
