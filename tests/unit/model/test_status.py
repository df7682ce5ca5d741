"""The network-status annotation, whose text other programs read byte for byte (F40, F41, F43, F86)."""

from __future__ import annotations

import pytest

from plurimus.cni.result import DNS, Interface, IPConfig, Result, Route
from plurimus.model import deviceinfo
from plurimus.model.status import NetworkStatus, annotation, elements

SANDBOX = "/run/netns/pod"
INSIDE = Interface("eth0", mac="02:00:00:00:00:01", sandbox=SANDBOX)
OTHER = Interface("eth0.1", mac="02:00:00:00:00:02", sandbox=SANDBOX)
HOST = Interface("veth1", mac="02:00:00:00:00:03")
V4 = IPConfig("10.244.1.73/24", gateway="10.244.1.1")


def of(*interfaces: Interface, ips: tuple[IPConfig, ...] = (), is_default: bool = False) -> list[NetworkStatus]:
    result = Result(interfaces=interfaces, ips=ips)
    return elements("ns/net", result, is_default=is_default, ifname="eth0")


def test_one_interface_and_none_print_as_the_specification_shows() -> None:
    """F40, S21: every key in its place, elements joined without a blank."""
    first = Result(
        interfaces=(INSIDE,), ips=(V4,), routes=(Route("0.0.0.0/0", "10.244.1.1"), Route("10.0.0.0/8", "10.244.1.2"))
    )
    second = Result(ips=(IPConfig("fd00::5/64"),), dns=DNS(nameservers=["10.0.0.10"], search=["a.b"]))
    statuses = elements("cbr0", first, is_default=True, ifname="eth0")
    statuses += elements("default/old-plugin", second, is_default=False, ifname="net1")
    assert annotation(statuses) == (
        '[{\n    "name": "cbr0",\n    "interface": "eth0",\n    "ips": [\n        "10.244.1.73"\n    ],\n'
        '    "mac": "02:00:00:00:00:01",\n    "default": true,\n    "dns": {},\n'
        '    "gateway": [\n        "10.244.1.1"\n    ]\n},{\n'
        '    "name": "default/old-plugin",\n    "interface": "net1",\n    "ips": [\n        "fd00::5"\n    ],\n'
        '    "dns": {\n        "nameservers": [\n            "10.0.0.10"\n        ],\n'
        '        "search": [\n            "a.b"\n        ]\n    }\n}]'
    )


def test_two_interfaces_print_one_element_each() -> None:
    """F43, F41: addresses go where their index says; mtu stands between mac and default."""
    result = Result(
        interfaces=(HOST, Interface("eth0", "02:00:00:00:00:01", 9000, SANDBOX), OTHER),
        ips=(IPConfig("10.0.0.2/24", 1, "10.0.0.1"), IPConfig("10.0.1.2/24", 2)),
    )
    assert annotation(elements("net", result, is_default=True, ifname="eth0")) == (
        '[{\n    "name": "net",\n    "interface": "eth0",\n    "ips": [\n        "10.0.0.2"\n    ],\n'
        '    "mac": "02:00:00:00:00:01",\n    "mtu": 9000,\n    "default": true,\n    "dns": {}\n},{\n'
        '    "name": "net",\n    "interface": "eth0.1",\n    "ips": [\n        "10.0.1.2"\n    ],\n'
        '    "mac": "02:00:00:00:00:02",\n    "dns": {}\n}]'
    )


def test_an_empty_result_prints_name_interface_and_dns() -> None:
    """S21."""
    statuses = elements("ns/net", Result(), is_default=False, ifname="net1")
    assert annotation(statuses) == '[{\n    "name": "ns/net",\n    "interface": "net1",\n    "dns": {}\n}]'


def test_device_information_stands_between_dns_and_gateway_of_every_element() -> None:
    """F42: in the order of its own specification."""
    info = deviceinfo.parse(
        b'{"version":"1.1.0","pci":{"rdma-device":"mlx5_3","pci-address":"0000:18:02.5"},"type":"pci"}'
    )
    result = Result(interfaces=(INSIDE,), routes=(Route("0.0.0.0/0", "10.244.1.1"),))
    assert annotation(elements("ns/net", result, is_default=False, ifname="eth0", device_info=info)) == (
        '[{\n    "name": "ns/net",\n    "interface": "eth0",\n    "mac": "02:00:00:00:00:01",\n    "dns": {},\n'
        '    "device-info": {\n        "type": "pci",\n        "version": "1.1.0",\n        "pci": {\n'
        '            "pci-address": "0000:18:02.5",\n            "rdma-device": "mlx5_3"\n        }\n    },\n'
        '    "gateway": [\n        "10.244.1.1"\n    ]\n}]'
    )
    both = elements("net", Result(interfaces=(INSIDE, OTHER)), is_default=False, ifname="eth0", device_info=info)
    assert [element.device_info for element in both] == [info.document, info.document]


def test_no_attachment_prints_an_empty_list() -> None:
    assert annotation([]) == "[]"


def test_html_characters_are_escaped_and_others_are_not() -> None:
    """Section 0, rule 3."""
    text = annotation([NetworkStatus("<ü&>", dns=DNS())])
    assert text == '[{\n    "name": "\\u003cü\\u0026\\u003e",\n    "dns": {}\n}]'


def test_a_single_host_side_interface_has_addresses_but_no_name() -> None:
    """F43: plugins that report only their end on the host."""
    assert of(HOST, ips=(V4,)) == [NetworkStatus("ns/net", ips=["10.244.1.73"], dns=DNS())]


def test_a_single_interface_has_all_addresses_whatever_their_index() -> None:
    ips = (IPConfig("10.0.0.2/24", 0), IPConfig("10.0.0.3/24", 7), IPConfig("10.0.0.4/24"))
    assert of(INSIDE, ips=ips)[0].ips == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]


@pytest.mark.parametrize(
    ("ips", "expected"),
    [
        pytest.param([IPConfig("10.0.0.2/24", 1)], [["10.0.0.2"], []], id="first-inside"),
        pytest.param([IPConfig("10.0.0.2/24", 2)], [[], ["10.0.0.2"]], id="second-inside"),
        pytest.param([IPConfig("10.0.0.2/24", 0)], [[], []], id="host-side-is-dropped"),
        pytest.param([IPConfig("10.0.0.2/24")], [[], ["10.0.0.2"]], id="no-index-goes-to-the-last"),
        pytest.param(
            [IPConfig("10.0.0.2/24", 1), IPConfig("fd00::2/64", 1), IPConfig("10.0.0.3/24")],
            [["10.0.0.2", "fd00::2"], ["10.0.0.3"]],
            id="mixed",
        ),
    ],
)
def test_addresses_follow_their_index(ips: list[IPConfig], expected: list[list[str]]) -> None:
    """F43: indexes count the interfaces of the result, host-side ones too."""
    assert [status.ips for status in of(HOST, INSIDE, OTHER, ips=tuple(ips))] == expected


def test_no_index_goes_to_the_last_interface_inside() -> None:
    """F43: a host-side interface at the end does not take it."""
    assert [status.ips for status in of(INSIDE, OTHER, HOST, ips=(V4,))] == [[], ["10.244.1.73"]]


@pytest.mark.parametrize(
    ("ips", "expected"),
    [
        pytest.param([], [True, False], id="no-address"),
        pytest.param([IPConfig("10.0.0.2/24", 2, "10.0.0.1")], [False, True], id="the-one-with-a-gateway"),
        pytest.param(
            [IPConfig("10.0.0.2/24", 1), IPConfig("10.0.1.2/24", 2, "10.0.1.1")], [False, True], id="first-with-gateway"
        ),
        pytest.param([IPConfig("10.0.0.2/24", gateway="10.0.0.1")], [True, False], id="no-index"),
        pytest.param([IPConfig("10.0.0.2/24", 0, "10.0.0.1")], [False, False], id="host-side"),
    ],
)
def test_one_interface_of_the_default_network_is_the_default(ips: list[IPConfig], expected: list[bool]) -> None:
    """F43."""
    assert [status.default for status in of(HOST, INSIDE, OTHER, ips=tuple(ips), is_default=True)] == expected


def test_other_networks_have_no_default_interface() -> None:
    ips = (IPConfig("10.0.0.2/24", 1, "10.0.0.1"),)
    assert [status.default for status in of(HOST, INSIDE, OTHER, ips=ips)] == [False, False]


def test_every_element_repeats_gateways_and_dns() -> None:
    """F43, F86."""
    dns = DNS(domain="example.org")
    result = Result(interfaces=(INSIDE, OTHER), routes=(Route("::/0", "fd00::1"),), dns=dns)
    statuses = elements("net", result, is_default=False, ifname="net1")
    assert [(status.gateway, status.dns) for status in statuses] == [(["fd00::1"], dns)] * 2


def test_a_default_route_without_a_gateway_adds_nothing() -> None:
    """S22: no `<nil>`."""
    result = Result(interfaces=(INSIDE,), routes=(Route("0.0.0.0/0"), Route("::/0", "fd00::1")))
    assert elements("net", result, is_default=False, ifname="net1")[0].gateway == ["fd00::1"]


def test_a_default_route_without_a_gateway_has_that_of_the_addresses() -> None:
    """S22: the kernel has it, too, since plugins fill it in."""
    result = Result(interfaces=(INSIDE,), ips=(IPConfig("fd00::2/64"), V4), routes=(Route("0.0.0.0/0"), Route("::/0")))
    assert elements("net", result, is_default=False, ifname="net1")[0].gateway == ["10.244.1.1"]


def test_a_default_route_of_link_scope_has_no_gateway() -> None:
    """S22."""
    result = Result(interfaces=(INSIDE,), ips=(V4,), routes=(Route("0.0.0.0/0", scope=253),))
    assert elements("net", result, is_default=False, ifname="net1")[0].gateway == []


def test_a_network_without_a_sandbox_interface_still_has_an_element() -> None:
    """S21: an attachment the pod has is never missing from the status, even if all its interfaces are on the host."""
    tap = Interface("tap1")
    assert of(HOST, tap, ips=(V4,)) == [NetworkStatus("ns/net", ips=["10.244.1.73"], dns=DNS())]
