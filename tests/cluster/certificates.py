"""The certificates of a cluster: one authority, and who the API server takes their owners for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Pair:
    """Files with a certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """Certificates are written to `folder`, the authority's own as `ca.crt` and `ca.key`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._ca = trustme.CA()
        self.own = Pair(folder / "ca.crt", folder / "ca.key")
        self._ca.cert_pem.write_to_path(self.own.certificate)
        self._ca.private_key_pem.write_to_path(self.own.key)

    def server(self, name: str, hosts: Sequence[str]) -> Pair:
        """For a server that is reached as any of `hosts`, names or addresses."""
        return self._write(name, self._ca.issue_cert(*hosts, common_name=name))

    def client(self, name: str, user: str, group: str = "") -> Pair:
        """For a client that Kubernetes knows as `user`, in `group`."""
        return self._write(name, self._ca.issue_cert(name, common_name=user, organization_name=group or user))

    def _write(self, name: str, issued: trustme.LeafCert) -> Pair:
        pair = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(pair.certificate)
        issued.private_key_pem.write_to_path(pair.key)
        return pair
