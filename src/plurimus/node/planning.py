"""From a request to its plan: the pod, its networks, its devices.  Nothing is done to a sandbox yet.

Used by ADD, and by `plurimus explain`, which stops here.

Spec sections 5.1, 6.2 and 6.3 (steps 5 to 8).
"""

from __future__ import annotations

from collections.abc import Sequence

from plurimus.adapters.account import step
from plurimus.cni.args import Environment
from plurimus.cni.errors import ClusterError, Code, PlurimusError, RequestError
from plurimus.core import plan, resolve
from plurimus.core.delegate import Delegate
from plurimus.core.devices import Allocation
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Plan, PodReference
from plurimus.model.pod import Pod
from plurimus.node.lookup import Lookup
from plurimus.node.world import World


async def make_plan(env: Environment, netconf: NetConf, world: World) -> tuple[Plan, Pod | None]:
    """The plan for one ADD, and the pod as the cluster knows it (None without a cluster).

    Raises:
        PlurimusError: the branch says who must act.
    """
    with step("find_pod"):
        pod = await find_pod(env, world)
    try:
        with step("look_up"):
            delegates = await _delegates(netconf, pod, world)
    except PlurimusError as error:
        raise error.about("error loading k8s delegates k8s args: ") from None
    allocation = await _allocated(delegates, pod, world)
    with step("plan"):
        return plan.make(env, netconf, pod, delegates, allocation), pod


async def default_network(netconf: NetConf, world: World) -> Delegate:
    """The cluster-wide default network, which STATUS and GC speak to without a pod."""
    references = resolve.references(netconf, None)
    return (await Lookup(netconf, world.cluster, world.confdir).delegates(references[:1]))[0]


async def find_pod(env: Environment, world: World) -> Pod | None:
    """The pod a request is for; None without a cluster.

    Raises:
        RequestError: CNI_ARGS name no pod, or another pod has that name now.
        ClusterError: code 11; the pod does not exist, or not yet (S14: never a made-up success).
    """
    if world.cluster is None:
        return None
    wanted = PodReference.from_args(env.args)
    if not wanted.namespace or not wanted.name:
        raise RequestError(
            "CNI_ARGS must name the pod in K8S_POD_NAMESPACE and K8S_POD_NAME", code=Code.INVALID_ENVIRONMENT
        )
    pod = await world.cluster.get_pod(wanted.namespace, wanted.name, uid=wanted.uid)
    if pod is None:
        raise ClusterError(
            f"pod {wanted.namespace}/{wanted.name} is not known to the cluster; it was deleted, or is not visible yet"
        )
    if wanted.uid and pod.uid and wanted.uid != pod.uid and not pod.is_static:
        raise RequestError(f'expected pod UID "{wanted.uid}" but got "{pod.uid}" from Kube API')
    return pod


async def _delegates(netconf: NetConf, pod: Pod | None, world: World) -> list[Delegate]:
    lookup = Lookup(netconf, world.cluster, world.confdir)
    delegates = await lookup.delegates(resolve.references(netconf, pod))
    auxiliary = lookup.auxiliary()
    return delegates if auxiliary is None else [*delegates, auxiliary]


async def _allocated(delegates: Sequence[Delegate], pod: Pod | None, world: World) -> Allocation:
    """One look-up for the whole pod, and only if some network needs a device."""
    needing = next((delegate for delegate in delegates if delegate.resource_name), None)
    if needing is None or pod is None or world.devices is None:
        return Allocation()
    try:
        with step("ask_for_devices"):
            return await world.devices.allocated(pod)
    except PlurimusError as error:
        subject = f"network {needing.display_name!r} needs a device of {needing.resource_name!r}: "
        raise error.about(subject) from None
