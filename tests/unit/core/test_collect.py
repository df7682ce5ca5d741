"""Garbage collection: what goes and what each network is told is alive (F5, S18)."""

from __future__ import annotations

from dataclasses import replace

from plurimus.cni.cache import CachedAttachment
from plurimus.core.collect import NetworkCollection, networks, stale
from plurimus.core.plan import Attachment, Plan, PodReference

from .builders import config

DEFAULT = config("cbr0")


def plan(container_id: str, **networks_by_ifname: str) -> Plan:
    attachments = tuple(Attachment(ifname, config(name), name) for ifname, name in networks_by_ifname.items())
    return Plan(container_id, "/run/netns/x", PodReference(), attachments)


def told(found: list[NetworkCollection]) -> dict[str, tuple[tuple[str, str], ...]]:
    return {collection.config.name: collection.alive for collection in found}


def test_what_the_runtime_does_not_know_is_stale() -> None:
    """S18: its list is the truth about sandboxes."""
    assert stale(["b", "a", "valid", "b"], valid={"valid"}, busy=()) == ["a", "b"]


def test_a_sandbox_in_a_request_is_not_stale() -> None:
    """An ADD that began after the runtime made its list is alive."""
    assert stale(["new", "old"], valid=(), busy={"new"}) == ["old"]


def test_nothing_known_leaves_nothing_stale() -> None:
    assert stale([], valid={"a"}, busy=()) == []


def test_the_default_network_is_told_the_runtimes_list() -> None:
    """Whether or not there is a record."""
    assert told(networks(DEFAULT, [], [], [("c2", "eth0"), ("c1", "eth0")])) == {
        "cbr0": (("c1", "eth0"), ("c2", "eth0"))
    }


def test_every_network_is_told_of_its_attachments_in_living_sandboxes() -> None:
    """S18: a secondary network is collected too, once, with all that lives."""
    plans = [plan("c1", eth0="cbr0", net1="a", net2="b"), plan("c2", eth0="cbr0", net1="a")]
    found = networks(DEFAULT, plans, [], [("c1", "eth0"), ("c2", "eth0")])
    assert told(found) == {
        "cbr0": (("c1", "eth0"), ("c2", "eth0")),
        "a": (("c1", "net1"), ("c2", "net1")),
        "b": (("c1", "net2"),),
    }


def test_one_network_twice_in_a_sandbox_has_both_attachments() -> None:
    """F87."""
    assert told(networks(None, [plan("c1", net1="a", net2="a")], [], [])) == {"a": (("c1", "net1"), ("c1", "net2"))}


def test_cached_attachments_of_living_sandboxes_are_alive() -> None:
    """A result without a record, as hot plug of Multus leaves it (S10)."""
    cached = [CachedAttachment("cbr0", "c1", "net9", b"{}")]
    assert told(networks(DEFAULT, [], cached, [("c1", "eth0")])) == {"cbr0": (("c1", "eth0"), ("c1", "net9"))}


def test_cached_attachments_of_unknown_networks_name_no_network() -> None:
    """Without its configuration no plugin can be called."""
    assert networks(None, [], [CachedAttachment("gone", "c1", "net1", b"")], []) == []


def test_the_present_configuration_of_the_default_network_is_used() -> None:
    """A record holds what the configuration was at ADD."""
    now = config("cbr0", mtu=9000)
    recorded = Attachment("eth0", config("cbr0"), "cbr0", is_default=True)
    (found,) = networks(now, [replace(plan("c1"), attachments=(recorded,))], [], [])
    assert found.config is now


def test_definitions_with_one_name_are_collected_each_by_its_configuration() -> None:
    """Leases are in the folder that a configuration names, and are told apart by the network's name there."""
    first, second = (config("a", ipam={"type": "host-local", "dataDir": folder}) for folder in ("/one", "/two"))
    plans = [
        replace(plan(container), attachments=(Attachment("net1", each, "ns/a"),))
        for container, each in (("c1", first), ("c2", second), ("c3", replace(first)))
    ]
    alive = (("c1", "net1"), ("c2", "net1"), ("c3", "net1"))
    assert networks(None, plans, [], []) == [NetworkCollection(first, alive), NetworkCollection(second, alive)]


def test_configurations_that_differ_in_whether_plugins_collect_are_asked_each() -> None:
    """GC is of version 1.1.0, and a configuration may forbid it: one that is left out speaks for no other."""
    asked = config("a", chain=1)
    forms = (asked, replace(asked, cni_version="1.1.0"), replace(asked, cni_version="1.1.0", disable_gc=True))
    plans = [
        replace(plan(container), attachments=(Attachment("net1", each, "ns/a"),))
        for container, each in zip(("c1", "c2", "c3"), forms, strict=True)
    ]
    alive = (("c1", "net1"), ("c2", "net1"), ("c3", "net1"))
    for order in (plans, plans[::-1]):
        found = networks(None, order, [], [])
        assert {each.config.encode() for each in found} == {form.encode() for form in forms}
        assert {each.alive for each in found} == {alive}


def test_a_network_whose_pods_have_devices_is_collected_once() -> None:
    plans = [
        replace(plan(name), attachments=(Attachment("net1", config("a", deviceID=name, pciBusID=name), "a"),))
        for name in ("c1", "c2")
    ]
    assert told(networks(None, plans, [], [])) == {"a": (("c1", "net1"), ("c2", "net1"))}
    assert len(networks(None, plans, [], [])) == 1


def test_a_plugin_reads_the_living_under_both_names() -> None:
    """Spec section 1.5, GC."""
    alive = [{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c2", "ifname": "net1"}]
    arguments = NetworkCollection(DEFAULT, (("c1", "eth0"), ("c2", "net1"))).arguments()
    assert arguments == {"cni.dev/valid-attachments": alive, "cni.dev/attachments": alive}


def test_a_network_nobody_uses_is_told_that_none_lives() -> None:
    assert networks(DEFAULT, [], [], [])[0].arguments()["cni.dev/valid-attachments"] == []
