"""The record of a sandbox: what Plurimus writes, and that it reads the same again (F13, S37)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import conf
from plurimus.core import record
from plurimus.core.plan import Attachment, Plan, PodReference

from .builders import CONTAINER, NETNS, config, delegate, make

RESOURCE = "example.com/vf"


def full_plan() -> Plan:
    """A plan in which every field of an attachment has a value."""
    wants = {
        "interface": "x1",
        "mac": "02:00:00:00:00:01",
        "infiniband-guid": "c2:11:22:33:44:55:66:77",
        "ips": ["10.0.0.2/24"],
        "portMappings": [{"hostPort": 80, "containerPort": 8080}],
        "default-route": ["10.0.0.1"],
        "cni-args": {"x": {"y": 2**60}},
    }
    chosen = delegate("a", wants=wants, resource_name=RESOURCE, config=config("a", chain=2, ipam={"type": "static"}))
    return make(chosen, allocated={RESOURCE: ["v1"]}, runtimeConfig={"mac": "02:00:00:00:00:99"})


def written(plan: Plan) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = json.loads(record.encode(plan))
    return elements


def comparable(plan: Plan) -> Plan:
    """The plan without what a record leaves out on purpose: the warnings, and the spelling of configurations."""
    attachments = tuple(
        replace(attachment, config=conf.parse(attachment.config.encode())) for attachment in plan.attachments
    )
    return replace(plan, attachments=attachments, warnings=())


def test_a_record_is_read_as_it_was_written() -> None:
    """F13."""
    plan = full_plan()
    assert comparable(record.decode(record.encode(plan), container_id=CONTAINER)) == comparable(plan)


def test_reading_a_record_needs_nothing_of_the_request() -> None:
    """DEL may name another interface, or none of the arguments."""
    plan, content = full_plan(), record.encode(full_plan())
    read = record.decode(content, container_id=CONTAINER, ifname="other", args=(("K8S_POD_NAME", "other"),))
    assert comparable(read) == comparable(plan)


def test_the_record_has_every_key_of_multus() -> None:
    """F13, spec section 6.4: a node can go back to Multus with its pods alive."""
    second = written(full_plan())[1]
    assert set(second) - {"plurimus"} == {
        "Conf", "ConfList", "Name", "ifnameRequest", "macRequest", "infinibandGUIDRequest", "ipRequest",
        "default-route", "IsFilterV4Gateway", "IsFilterV6Gateway", "deviceID", "resourceName", "Bytes",
    }  # fmt: skip


def test_the_keys_of_multus_say_what_multus_would() -> None:
    """F13."""
    second = written(full_plan())[1]
    assert {key: second[key] for key in ("Name", "ifnameRequest", "macRequest", "ipRequest", "default-route")} == {
        "Name": "pod-ns/a",
        "ifnameRequest": "x1",
        "macRequest": "02:00:00:00:00:01",
        "ipRequest": ["10.0.0.2/24"],
        "default-route": ["10.0.0.1"],
    }
    assert (second["deviceID"], second["resourceName"]) == ("v1", RESOURCE)


def test_bytes_hold_the_configuration_as_executed() -> None:
    """Spec section 6.4: with the device and the `cni-args` in it, integers exact."""
    executed = json.loads(base64.b64decode(written(full_plan())[1]["Bytes"]))
    assert [(p["deviceID"], p["args"]) for p in executed["plugins"]] == [("v1", {"cni": {"x": {"y": 2**60}}})] * 2


def test_a_single_configuration_is_under_conf() -> None:
    """F13, F47: Multus tells a list by its plugins."""
    (element,) = written(make())
    assert element["Conf"] == {"cniVersion": "1.0.0", "name": "cbr0", "type": "macvlan", "ipam": {}, "dns": {}}
    assert not element["ConfList"].get("plugins")


def test_a_list_is_under_conflist() -> None:
    """F13, F47."""
    element = written(full_plan())[1]
    plugin = {"cniVersion": "1.0.0", "name": "a", "type": "macvlan", "ipam": {"type": "static"}, "dns": {}}
    assert element["ConfList"] == {"cniVersion": "1.0.0", "name": "a", "plugins": [plugin, plugin]}
    assert not element["Conf"].get("type")


def test_the_default_network_has_no_requested_name() -> None:
    """Multus takes the runtime's CNI_IFNAME for it."""
    assert "ifnameRequest" not in written(make())[0]


def test_numbered_interfaces_are_written_by_name() -> None:
    """So Multus finds them when an element before them is gone."""
    assert [element.get("ifnameRequest") for element in written(make(delegate("a"), delegate("b")))] == [
        None, "net1", "net2",
    ]  # fmt: skip


@pytest.mark.parametrize("claim", [None, (), ("10.0.0.1",)], ids=["absent", "empty", "gateway"])
def test_absent_and_empty_default_routes_stay_apart(claim: tuple[str, ...] | None) -> None:
    """F38."""
    plan = Plan(CONTAINER, NETNS, PodReference(), (Attachment("eth0", config(), "net", default_route=claim),))
    assert record.decode(record.encode(plan), container_id=CONTAINER).attachments[0].default_route == claim


def test_a_list_without_a_version_is_undone_in_the_version_it_was_made_in() -> None:
    """S37."""
    chosen = conf.parse({"name": "net", "plugins": [{"type": "macvlan"}]}, list_version="0.4.0")
    plan = make(delegate(config=chosen))
    read = record.decode(record.encode(plan), container_id=CONTAINER)
    assert read.attachments[1].config.cni_version == "0.4.0"


words = st.text(alphabet='abc<&"\\é ;=/', max_size=6)
pairs = st.lists(st.tuples(words, words), max_size=3).map(tuple)
json_values = st.recursive(st.none() | st.booleans() | st.integers() | words, lambda v: st.lists(v, max_size=3))
configs = st.builds(
    config,
    st.sampled_from(["a", "b.c", "D_1"]),
    chain=st.integers(0, 3),
    args=st.none() | st.dictionaries(st.sampled_from(["x", "y"]), json_values),
    capabilities=st.dictionaries(words, st.booleans(), max_size=2),
)
attachments = st.builds(
    Attachment,
    ifname=st.sampled_from(["eth0", "net1", "x.1"]),
    config=configs,
    display_name=words.filter(bool),
    args=pairs,
    capability_args=st.dictionaries(words, json_values, max_size=3),
    is_default=st.booleans(),
    default_route=st.none() | st.lists(st.sampled_from(["10.0.0.1", "fd00::1"])).map(tuple),
    device_id=words,
    resource_name=words,
)
plans = st.builds(
    Plan,
    container_id=st.just(CONTAINER),
    netns=words,
    cookie=words,
    pod=st.builds(PodReference, words, words, words),
    attachments=st.lists(attachments, min_size=1, max_size=4).map(tuple),
)


@given(plans)
def test_any_plan_is_read_as_it_was_written(plan: Plan) -> None:
    """F13."""
    assert comparable(record.decode(record.encode(plan), container_id=CONTAINER)) == comparable(plan)


@given(plans)
def test_a_record_written_again_is_the_same(plan: Plan) -> None:
    content = record.encode(plan)
    assert record.encode(record.decode(content, container_id=CONTAINER)) == record.encode(comparable(plan))
