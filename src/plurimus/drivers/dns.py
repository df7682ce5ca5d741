"""Nameservers of a network: those of its configuration, or those IPAM gave.

Plugins spec section 3.2, step 10, and section 4.
"""

from __future__ import annotations

import msgspec

from plurimus.cni.result import DNS


class DnsKeys(msgspec.Struct, frozen=True):
    """`dns` of a configuration, where an empty list says something else than none."""

    nameservers: list[str] | None = None
    domain: str = ""
    search: list[str] | None = None
    options: list[str] | None = None

    def instead_of(self, given: DNS) -> DNS:
        """These where one of the keys is there, else what IPAM gave."""
        if self.nameservers is None and self.search is None and self.options is None and not self.domain:
            return given
        return DNS(self.nameservers or [], self.domain, self.search or [], self.options or [])
