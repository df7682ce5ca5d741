"""All sources of a pod's devices as one; implements `ports.DeviceSource`.

Spec section 5.2: kubelet's device plugins, then claims on top of them.
"""

from __future__ import annotations

from plurimus.core.devices import Allocation, NobodyKnows
from plurimus.core.ports import DeviceSource
from plurimus.model.pod import Pod


class PodDevices:
    """The devices `kubelet` tells, container by container, then those of `claims`."""

    def __init__(self, kubelet: DeviceSource, claims: DeviceSource) -> None:
        self._kubelet = kubelet
        self._claims = claims

    async def allocated(self, pod: Pod) -> Allocation:
        """A pod with claims may do without kubelet's list; one without claims has nothing else.

        Raises:
            NobodyKnows: kubelet has no list on this node, and the pod no claims.
            ClusterError: a source does not answer.
        """
        try:
            found = await self._kubelet.allocated(pod)
        except NobodyKnows as error:
            if not pod.claims:
                raise
            found = Allocation(unusable=(error.msg,))
        return found.then(await self._claims.allocated(pod))
