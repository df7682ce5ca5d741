"""What is said of the interfaces of a pod that runs, by what was found of them."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from typing import Any

import pytest

from plurimus.cni import conf, result
from plurimus.core import preflight
from plurimus.core.plan import Attachment, PodReference
from plurimus.core.preflight import OK, PROBLEM, WARNING, Found, Peer, RdmaState, Subject, Verdict
from plurimus.core.rails import Function, Seat
from plurimus.model.pod import Pod

FINE = {"arp_ignore": 1, "arp_announce": 2, "rp_filter": 2}
NEIGHBOUR = Peer("default/b", ipaddress.ip_address("10.1.0.3"))


def subject(number: int = 1, *plugins: dict[str, Any], rail: str = "rail0", mtu: int = 0, **found: Any) -> Subject:
    """net<number> with 10.<number>.0.2/16 on `rail`, in order but for what was `found`."""
    config = conf.parse({"cniVersion": "1.1.0", "name": "n", "plugins": [{"type": "sriov"}, *plugins]})
    attachment = Attachment(f"net{number}", config, "default/n", device_id="0000:18:00.2")
    interface = {"name": f"net{number}", "sandbox": "pod", **({"mtu": mtu} if mtu else {})}
    address = f"10.{number}.0.2/16"
    made = {"cniVersion": "1.1.0", "interfaces": [interface], "ips": [{"address": address, "interface": 0}]}
    usual: dict[str, Any] = {"mac": "02:00:00:00:00:01", "mtu": mtu or 1500, "addresses": {address: ""},
                             "parameters": FINE, "leaves": {f"10.{number}.0.2": f"net{number}"}}  # fmt: skip
    seat = Seat(attachment, "0000:18:00.2", Function("0000:18:00.2", "0000:18:00.0"), rail) if rail else None
    return Subject(attachment, result.parse(made, default_version="1.1.0"), seat, Found(**{**usual, **found}))


def wrong(*subjects: Subject) -> list[tuple[str, str, str, str]]:
    """Level, interface, check and text of all that is not ok."""
    found = preflight.verdicts(subjects)
    assert all(verdict.todo for verdict in found if verdict.level != OK)
    return [(each.level, each.interface, each.check, each.text) for each in found if each.level != OK]


def test_a_pod_in_order_has_a_line_for_each_thing_that_was_looked_at() -> None:
    two = [subject(), subject(2, rail="rail1", rdma=[RdmaState("mlx5_3", "ACTIVE")], peers={NEIGHBOUR: True})]
    found = preflight.verdicts(two)
    assert {verdict.level for verdict in found} == {OK}
    checks = ["link", "mtu", "address", "parameters", "routing", "plugins"]
    assert [each.check for each in found] == [*checks, *checks, "rdma", "peers"]
    assert found[0] == Verdict(OK, "net1", "rail0", "link", "up")
    assert found[2].text == "10.1.0.2/16, nobody else's"
    assert {each.rail for each in found if each.interface == "net2"} == {"rail1"}


@pytest.mark.parametrize(
    ("found", "check", "text"),
    [
        ({"up": False}, "link", "it is set down"),
        ({"running": False}, "link", "no carrier"),
        ({"addresses": {}}, "address", "10.1.0.2/16 is gone"),
        ({"addresses": {"10.1.0.2/16": "is taken"}}, "address", "10.1.0.2/16 is taken"),
        ({"strangers": {"10.1.0.2": ["02:00:00:00:00:09"]}}, "address", "10.1.0.2 is also that of 02:00:00:00:00:09"),
        ({"most_mtu": 1400}, "mtu", "1500, more than the 1400 of its physical function"),
        ({"leaves": {"10.1.0.2": "net2"}}, "routing", "what comes from 10.1.0.2 leaves by net2"),
        ({"leaves": {"10.1.0.2": ""}}, "routing", "what comes from 10.1.0.2 leads nowhere"),
        ({"failure": "the VF has VLAN 7"}, "plugins", "the VF has VLAN 7"),
        ({"rdma": [RdmaState("mlx5_3", "DOWN")]}, "rdma", "mlx5_3 is DOWN, expected active"),
        ({"peers": {NEIGHBOUR: False}}, "peers", "no answer from default/b at 10.1.0.3"),
        ({"rdma_peers": {NEIGHBOUR: "cma event"}}, "rping", "default/b at 10.1.0.3: cma event"),
    ],
)
def test_what_is_broken_is_a_problem_of_its_interface(found: dict[str, Any], check: str, text: str) -> None:
    assert wrong(subject(**found), subject(2, rail="rail1")) == [(PROBLEM, "net1", check, text)]


def test_an_interface_that_is_gone_is_all_there_is_to_say() -> None:
    assert wrong(subject(exists=False)) == [(PROBLEM, "net1", "link", "the pod has no such interface")]


def test_rails_have_one_mtu() -> None:
    rails = [subject(number, rail=f"rail{number}", mtu=1500 if number == 3 else 9000) for number in range(1, 5)]
    assert wrong(*rails) == [(PROBLEM, "net3", "mtu", "1500, where the other rails have 9000")]
    assert wrong(*rails[:2], subject(9, rail="", mtu=1500)) == []  # eth0 is no rail


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (subject(1, {"type": "tuning", "mtu": 9000}), 9000),
        (subject(mtu=4000), 4000),
        (subject(1, {"type": "tuning", "mtu": 9000}, mtu=1500), 9000),
    ],
)
def test_an_interface_has_the_mtu_it_was_given(one: Subject, expected: int) -> None:
    """What a plugin late in the chain was told counts before what the first one reports."""
    other = replace(one, found=replace(one.found, mtu=1234))
    assert wrong(other) == [(PROBLEM, "net1", "mtu", f"1234, expected {expected}")]
    assert wrong(replace(one, found=replace(one.found, mtu=expected))) == []


def test_parameters_matter_where_a_pod_has_several_rails() -> None:
    strict = {"arp_ignore": 0, "arp_announce": 0, "rp_filter": 1}
    text = "arp_ignore is 0, expected 1 or 2; arp_announce is 0, expected 2; rp_filter is 1, expected 0 or 2"
    assert wrong(subject(parameters=strict), subject(2, rail="rail1")) == [(WARNING, "net1", "parameters", text)]
    assert wrong(subject(parameters=strict)) == []


def test_an_address_the_pod_itself_answers_for_twice_is_a_warning() -> None:
    found = wrong(subject(twins={"10.1.0.2": ["net2"]}))
    assert found == [(WARNING, "net1", "arp", "net2 of the same pod answers for 10.1.0.2, too")]


def test_plugins_that_are_not_to_be_asked_are_not() -> None:
    one = subject(failure="no route")
    config = conf.parse({"cniVersion": "1.1.0", "name": "n", "disableCheck": True, "plugins": [{"type": "sriov"}]})
    assert wrong(replace(one, attachment=replace(one.attachment, config=config))) == []
    with_sbr = preflight.verdicts([subject(1, {"type": "sbr"}, failure="no route")])
    assert next(each.todo for each in with_sbr if each.check == "plugins").endswith("keeps them from being asked")


def test_a_network_with_rdma_has_a_device() -> None:
    assert wrong(subject(1, {"type": "rdma"})) == [(PROBLEM, "net1", "rdma", "no RDMA device in the pod")]


def test_peers_are_the_other_pods_with_an_address_in_the_network() -> None:
    def status(name: str, *ips: str) -> str:
        return json.dumps([{"name": "pods", "ips": ["10.244.0.9"], "dns": {}}, {"name": name, "ips": ips, "dns": {}}])

    statuses = [
        (Pod("default", "a"), status("default/n", "10.1.0.2")),
        (Pod("default", "b"), status("default/n", "10.1.0.3", "fd00::3")),
        (Pod("other", "a"), status("default/n", "10.1.0.4")),
        (Pod("default", "c"), status("default/m", "10.1.0.5")),
        (Pod("default", "d"), "no JSON"),
        (Pod("default", "e"), json.dumps([{"name": "default/n", "ips": ["x"]}])),
    ]
    found = preflight.peers(Pod("default", "a"), "default/n", statuses, [PodReference("other", "a")])
    assert [(each.pod, str(each.address), each.here) for each in found] == [
        ("default/b", "10.1.0.3", False),
        ("default/b", "fd00::3", False),
        ("other/a", "10.1.0.4", True),
    ]
