"""Which part of a range a node allocates from: the slices of a NodeSlicePool.

Spec section 4.7.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from plurimus.cni.errors import ClusterError
from plurimus.core.ranges import Range
from plurimus.model.ippool import Network, Slice, SlicePool

MOST = 2**14
"""Slices of one pool: about 0.9 MB of the 1.5 that an object may have."""


def divided(network: Network, size: str, length: int) -> SlicePool:
    """The pool of a range that has none yet, in slices of `size` (of which the prefix has `length`), nobody's yet.

    Raises:
        ClusterError: there would be too many.
    """
    if length - network.prefixlen > MOST.bit_length() - 1:
        raise ClusterError(
            f"range {network} has more than {MOST} slices of node_slice_size {size}; make them larger, "
            "or the range smaller"
        )
    return SlicePool(str(network), size, tuple(Slice(str(part)) for part in network.subnets(new_prefix=length)))


def of_node(pool: SlicePool, node: str) -> Network | None:
    """The slice that `node` has.

    Raises:
        ValueError: it is no prefix.
    """
    found = next((each.range for each in pool.slices if each.node == node), None)
    return None if found is None else ipaddress.ip_network(found)


def unclaimed(pool: SlicePool, range_: Range, *, point_to_point: bool) -> Iterator[int]:
    """Where in the pool there is a slice without a node that has addresses to give out, the first one first."""
    for at, each in enumerate(pool.slices):
        if each.node:
            continue
        try:
            part = range_.within(ipaddress.ip_network(each.range), point_to_point=point_to_point)
        except ValueError:
            continue
        if next(part.free(()), None) is not None:
            yield at
