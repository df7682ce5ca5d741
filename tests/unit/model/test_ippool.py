"""How whereabouts' objects are named (case 44)."""

from __future__ import annotations

import ipaddress

import pytest

from plurimus.model import ippool


@pytest.mark.parametrize(
    ("network", "network_name", "node", "expected"),
    [
        ("10.1.0.0/16", "", "", "10.1.0.0-16"),
        ("2001:db8::/64", "", "", "2001-db8---64"),
        ("::/64", "", "", "---64"),
        ("10.1.0.0/16", "rail0", "", "rail0-10.1.0.0-16"),
        ("10.1.4.0/24", "", "node-1", "node-1-10.1.4.0-24"),
        ("10.1.4.0/24", "rail0", "node-1", "rail0-node-1-10.1.4.0-24"),
    ],
)
def test_a_pool_is_named_by_network_node_and_range(network: str, network_name: str, node: str, expected: str) -> None:
    assert ippool.pool_name(ipaddress.ip_network(network), network_name, node) == expected


@pytest.mark.parametrize(
    ("address", "network_name", "expected"),
    [
        ("10.1.0.5", "", "10.1.0.5"),
        ("fd00::5", "", "fd00--5"),
        ("fd00::", "", "fd00--0"),
        ("10.1.0.5", "netA", "netA-10.1.0.5"),
        ("fd00::", "netA", "netA-fd00--0"),
    ],
)
def test_a_reservation_is_named_by_network_and_address(address: str, network_name: str, expected: str) -> None:
    assert ippool.reservation_name(ipaddress.ip_address(address), network_name) == expected


def test_keys_count_from_the_address_as_it_is_written() -> None:
    """A pool somebody wrote by hand may have host bits."""
    assert str(ippool.start("10.1.0.9/16")) == "10.1.0.9"
    assert str(ippool.start("2001:db8::/64")) == "2001:db8::"
    with pytest.raises(ValueError, match="no address"):
        ippool.start("10.1.0.0")
