"""Under which names the rules of an attachment are, by both backends.

Plugins spec section 1.6.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from plurimus.drivers.call import Call

_CHAIN_DIGITS, _HASH_DIGITS, _MOST_COMMENT = 24, 16, 128


@dataclass(frozen=True, slots=True)
class Owner:
    """The attachment rules are made for."""

    network: str
    container_id: str
    ifname: str

    @classmethod
    def of(cls, call: Call) -> Owner:
        return cls(call.network, call.container_id, call.ifname)

    @property
    def chain(self) -> str:
        """Its chain of iptables, which all interfaces of one container in one network share."""
        return f"CNI-{_digest(self.network + self.container_id)[:_CHAIN_DIGITS]}"

    @property
    def chain_comment(self) -> str:
        """What every rule of iptables says of whose it is."""
        return f'name: "{self.network}" id: "{self.container_id}"'

    @property
    def mark(self) -> str:
        """What comments of its rules in nftables begin with."""
        return network_mark(self.network) + attachment_mark(self.container_id, self.ifname)

    @property
    def comment(self) -> str:
        """What its rules in nftables say."""
        text = f"{self.mark}, net: {self.network}, if: {self.ifname}, id: {self.container_id}".replace('"', "")
        return text.encode()[:_MOST_COMMENT].decode(errors="ignore")


def network_mark(network: str) -> str:
    """The part of a mark that all attachments to a network have in common."""
    return f"{_digest(network)[:_HASH_DIGITS]}-"


def attachment_mark(container_id: str, ifname: str) -> str:
    """The other part."""
    return _digest(f"{ifname}:{container_id}")[:_HASH_DIGITS]


def _digest(text: str) -> str:
    return hashlib.sha512(text.encode(errors="surrogatepass")).hexdigest()
