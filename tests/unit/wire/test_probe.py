"""Packets that ask for an address: their bytes, and what is understood of answers."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire import probe

MAC = bytes.fromhex("020000000001")


def test_an_arp_probe_names_no_sender() -> None:
    """RFC 5227 section 2.1.1: the sender's address is 0, and so is the target's hardware address."""
    packet = probe.arp_probe(MAC, ipaddress.IPv4Address("10.0.0.9"))
    assert packet.hex() == "0001080006040001" + "020000000001" + "00000000" + "000000000000" + "0a000009"


@given(st.binary(min_size=6, max_size=6), st.ip_addresses(v=4))
def test_the_sender_of_an_arp_packet_is_read(mac: bytes, address: ipaddress.IPv4Address) -> None:
    reply = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, mac, address.packed, MAC, bytes(4))
    assert probe.arp_sender(reply) == (mac, address)
    assert probe.arp_sender(reply + bytes(18)) == (mac, address)  # short frames are padded
    assert probe.arp_sender(reply[:-1]) is None
    assert probe.arp_sender(b"\x00\x06" + reply[2:]) is None


def test_a_solicitation_is_what_a_host_sends_before_it_takes_an_address() -> None:
    """RFC 4862 section 5.4.2."""
    packet = probe.solicitation(ipaddress.IPv6Address("2001:db8::1234:5678"))
    head, body = packet[:40], packet[40:]
    assert head.hex() == "6000000000183aff" + "00" * 16 + "ff0200000000000000000001ff345678"
    assert body[:2].hex() == "8700"
    assert body[4:].hex() == "00000000" + "20010db8000000000000000012345678"
    pseudo = head[8:40] + struct.pack("!II", len(body), 58)
    assert probe.checksum(pseudo + body) == 0
    assert probe.solicited_mac(ipaddress.IPv6Address("2001:db8::1234:5678")).hex(":") == "33:33:ff:34:56:78"


def advertisement(target: ipaddress.IPv6Address, *, hops: int = 255, kind: int = 136) -> bytes:
    body = struct.pack("!BBHI16sBB6s", kind, 0, 0, 0x20000000, target.packed, 2, 1, MAC)
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), 58, hops, target.packed, bytes(16)) + body


@given(st.ip_addresses(v=6))
def test_the_target_of_an_advertisement_is_read(target: ipaddress.IPv6Address) -> None:
    assert probe.advertised(advertisement(target)) == target
    assert probe.advertised(advertisement(target)[:63]) is None
    assert probe.advertised(advertisement(target, hops=254)) is None  # it came through a router: forged
    assert probe.advertised(advertisement(target, kind=135)) is None


@given(st.sampled_from([4, 6]), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=40))
def test_an_echo_request_is_answered_by_its_numbers(
    family: int, identifier: int, sequence: int, content: bytes
) -> None:
    request = probe.echo_request(family, identifier, sequence, content)
    if family == 4:
        assert probe.checksum(request) == 0
    reply = bytes([0 if family == 4 else 129]) + request[1:]
    header = b"\x46" + bytes(23) if family == 4 else b""
    assert probe.echo_reply(family, header + reply) == (identifier, sequence)
    assert probe.echo_reply(family, header + request) is None


@pytest.mark.parametrize("family", [4, 6])
@given(data=st.binary(max_size=80))
def test_no_bytes_are_an_error(family: int, data: bytes) -> None:
    for found in (probe.echo_reply(family, data), probe.arp_sender(data), probe.advertised(data)):
        assert found is None or found


def test_the_checksum_is_that_of_the_rfc() -> None:
    """RFC 1071 section 3."""
    assert probe.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert probe.checksum(b"\x01") == 0xFFFF - 0x0100
