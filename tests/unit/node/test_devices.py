"""kubelet and claims as one source of devices (F55, S8)."""

from __future__ import annotations

import pytest

from plurimus.cni.errors import ClusterError, PlurimusError
from plurimus.core.devices import Allocation, NobodyKnows
from plurimus.model.claim import PodClaim
from plurimus.model.pod import Pod
from plurimus.node.devices import PodDevices
from tests.allocations import allocation, by_resource

VF = "example.com/vf"
POD = Pod("ns", "trainer")
CLAIMING = Pod("ns", "trainer", claims=(PodClaim("rails", "x"),))


class Source:
    """Implements `ports.DeviceSource`."""

    def __init__(self, found: Allocation | PlurimusError) -> None:
        self._found = found

    async def allocated(self, pod: Pod) -> Allocation:
        if isinstance(self._found, PlurimusError):
            raise self._found
        return self._found


async def test_devices_of_claims_come_behind_those_of_device_plugins_each_once() -> None:
    """F55, S8."""
    both = PodDevices(Source(allocation(a={VF: ["3"]}, b={VF: ["2"]})), Source(allocation(a={VF: ["1", "2"]})))
    found = await both.allocated(CLAIMING)
    assert by_resource(found) == {VF: ["3", "2", "1"]}


async def test_a_pod_with_claims_does_without_kubelets_list_and_the_error_says_so() -> None:
    away = Source(NobodyKnows("nothing tells"))
    found = await PodDevices(away, Source(allocation({VF: ["1"]}))).allocated(CLAIMING)
    assert by_resource(found) == {VF: ["1"]}
    assert found.unusable == ("nothing tells",)
    with pytest.raises(NobodyKnows, match="nothing tells"):
        await PodDevices(away, Source(Allocation())).allocated(POD)


async def test_a_source_that_does_not_answer_fails_the_look_up() -> None:
    """Never fewer devices than the pod has."""
    down, up = Source(ClusterError("down")), Source(allocation({VF: ["1"]}))
    for sources in ((down, up), (up, down)):
        with pytest.raises(ClusterError, match="down"):
            await PodDevices(*sources).allocated(CLAIMING)
