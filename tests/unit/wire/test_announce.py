"""Announcements, byte by byte."""

from __future__ import annotations

import ipaddress

from plurimus.wire import announce

MAC = bytes.fromhex("020000000001")


def test_a_gratuitous_arp_asks_for_the_senders_own_address() -> None:
    packet = announce.gratuitous_arp(MAC, ipaddress.IPv4Address("10.56.0.2"))
    ethernet_ipv4_request = bytes.fromhex("0001 0800 06 04 0001")
    sender_and_target = MAC + bytes([10, 56, 0, 2]) + b"\xff" * 6 + bytes([10, 56, 0, 2])
    assert packet == ethernet_ipv4_request + sender_and_target


def test_an_advertisement_overrides_what_neighbours_know() -> None:
    address = ipaddress.IPv6Address("fd00::2")
    packet = announce.neighbour_advertisement(MAC, address)
    kind_without_checksum, override, option = bytes.fromhex("88 00 0000"), bytes.fromhex("20000000"), b"\x02\x01"
    assert packet == kind_without_checksum + override + address.packed + option + MAC
