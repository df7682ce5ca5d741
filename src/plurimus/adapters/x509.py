"""Keys, certificate signing requests and certificates, by the library `cryptography`.

The library takes 10 MB of whoever imports it.  So a daemon, which needs it for a moment twice an hour, runs this
module as a program: `make` or `describe`, input and answer through pipes.  Importing it is for the approver, which
reads requests all the time.

Decision 17.
"""

from __future__ import annotations

import sys
import warnings

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from plurimus.model.signing import Certificate, NewKey, Subject

_PEM = serialization.Encoding.PEM
_LONGEST = 64
"""Characters X.520 allows a common name.  Nodes have longer names, and neither Kubernetes nor TLS minds."""


def make(name: str, organization: str) -> NewKey:
    """A key of this moment, and a request for a certificate of `name` in `organization`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=len(name) <= _LONGEST),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    return NewKey(
        key=key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, plain).decode(),
        request=request.public_bytes(_PEM).decode(),
    )


def describe(pem: bytes) -> Certificate:
    """The first certificate in `pem`, whose key is in there, too.

    Raises:
        ValueError: it is no such file, or the key is another one's.
    """
    certificate = x509.load_pem_x509_certificates(pem)[0]
    key = serialization.load_pem_private_key(pem, password=None)
    if key.public_key() != certificate.public_key():
        raise ValueError("its key is not that of its certificate")
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        name=", ".join(str(each.value) for each in names),
        begins=certificate.not_valid_before_utc.timestamp(),
        ends=certificate.not_valid_after_utc.timestamp(),
    )


def subject(request: bytes) -> Subject:
    """Whom a request, in PEM, wants a certificate for.

    Raises:
        ValueError: it is no request, or is not written as everybody writes one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a common name's length
        try:
            return _subject(request)
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(str(error)) from error


def _subject(request: bytes) -> Subject:
    found = x509.load_pem_x509_csr(request)
    if found.public_bytes(_PEM).split() != request.split():
        # whoever signs it may find another one in there than was looked at here
        raise ValueError("there is more in it than one request in its usual form")
    attributes = list(found.subject)
    known = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    names, organizations = (tuple(str(each.value) for each in attributes if each.oid == oid) for oid in known)
    others = [each.oid.dotted_string for each in attributes if each.oid not in known]
    return Subject(names, organizations, (*others, *(each.oid.dotted_string for each in found.extensions)))


def main(what: str, given: bytes) -> bytes:
    """One answer, as JSON."""
    warnings.simplefilter("ignore")
    if what == "make":
        return msgspec.json.encode(make(*msgspec.json.decode(given, type=tuple[str, str])))
    return msgspec.json.encode(describe(given))


if __name__ == "__main__":
    try:
        sys.stdout.buffer.write(main(sys.argv[1], sys.stdin.buffer.read()))
    except ValueError as error:
        sys.exit(str(error))
