"""kubelet's answers about devices, with Google's library as the other side."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire import podresources
from plurimus.wire.podresources import Container, PodResources
from plurimus.wire.protobuf import ProtobufError, string
from tests.protos import POD_RESOURCES as api

NAMES = st.sampled_from(["", "pod", "other", "ä"])
TOPOLOGIES = st.none() | st.builds(lambda ids: {"nodes": [{"ID": each} for each in ids]}, st.lists(st.integers(0, 3)))


def messages(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(getattr(api, kind), **fields)


def several(of: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, max_size=most)


DEVICES = messages(
    "ContainerDevices",
    resource_name=st.sampled_from(["intel.com/sriov_rdma", "nvidia.com/gpu"]),
    device_ids=several(st.text(max_size=12)),
    topology=TOPOLOGIES,
)
CLAIMS = messages(
    "DynamicResource",
    claim_name=NAMES,
    claim_resources=several(messages("ClaimResource", driver_name=NAMES, device_name=NAMES), 2),
)
CONTAINERS = messages(
    "ContainerResources",
    name=NAMES,
    devices=several(DEVICES),
    cpu_ids=several(st.integers(-1, 2**40)),
    memory=several(messages("ContainerMemory", memory_type=NAMES, size=st.integers(0, 2**63))),
    dynamic_resources=several(CLAIMS, 2),
)
PODS = messages("PodResources", name=NAMES, namespace=NAMES, containers=several(CONTAINERS))


def as_value(pod: Any) -> PodResources:
    """What Google's library has, as our value."""
    containers = [
        Container(each.name, tuple((devices.resource_name, tuple(devices.device_ids)) for devices in each.devices))
        for each in pod.containers
    ]
    return PodResources(pod.namespace, pod.name, tuple(containers))


@given(PODS)
def test_one_pod_is_read_with_containers_and_devices_in_their_order(pod: Any) -> None:
    """F51; processors, memory, topology and claims do not disturb."""
    answer = api.GetPodResourcesResponse(pod_resources=pod)
    assert podresources.got(answer.SerializeToString()) == as_value(pod)


@given(several(PODS, 6))
def test_the_pods_of_a_name_are_found_in_a_list(pods: list[Any]) -> None:
    """F51."""
    message = api.ListPodResourcesResponse(pod_resources=pods).SerializeToString()
    found = podresources.listed(message, "ä", "pod")
    assert found == [as_value(each) for each in pods if (each.namespace, each.name) == ("ä", "pod")]


@given(st.binary(max_size=40) | PODS.map(lambda pod: pod.SerializeToString()), st.integers(0, 40))
def test_bytes_are_read_as_others_read_them_or_refused(content: bytes, cut: int) -> None:
    """F51: in two pieces, too: pieces of one message make one."""
    message = b"".join(b"\x0a" + bytes([len(part) & 0x7F]) + part for part in (content[:cut], content[cut:]))
    try:
        found = podresources.got(message)
    except ProtobufError:
        return
    try:
        known = api.GetPodResourcesResponse.FromString(message)
    except DecodeError:
        # only what is not looked into may be broken
        return
    assert found == as_value(known.pod_resources)


def test_processors_are_passed_over_packed_and_one_by_one() -> None:
    """F51."""
    devices = api.ContainerDevices(resource_name="r", device_ids=["a"]).SerializeToString()
    for processors in (b"\x1a\x02\x01\x02", b"\x18\x01\x18\x02"):
        container = processors + b"\x12" + bytes([len(devices)]) + devices
        pod = b"\x1a" + bytes([len(container)]) + container
        answer = b"\x0a" + bytes([len(pod)]) + pod
        assert podresources.got(answer).containers == (Container("", (("r", ("a",)),)),)


def test_what_later_versions_add_is_passed_over() -> None:
    """F51."""
    pod = api.PodResources(name="pod", namespace="ns").SerializeToString()
    later = b"\x22\x02\x01\x02" + b"\x2a\x00" + b"\xf8\x07\x05"
    content = pod + later
    assert podresources.got(b"\x0a" + bytes([len(content)]) + content) == PodResources("ns", "pod")


@given(st.text(max_size=260), st.text(max_size=260))
def test_the_question_is_written_as_others_write_it(namespace: str, name: str) -> None:
    expected = api.GetPodResourcesRequest(pod_name=name, pod_namespace=namespace)
    assert podresources.get_request(namespace, name) == expected.SerializeToString()


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(ProtobufError, match="UTF-8"):
        podresources.got(b"\x0a\x03\x0a\x01\xff")
    assert podresources.got(b"\x0a\x03" + string(1, "p")) == PodResources("", "p")
