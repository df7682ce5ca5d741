"""`passthru`, which makes nothing: the head of a chain, and a default network for pods that need none (F82)."""

from __future__ import annotations

import pytest

from .world import Node


@pytest.mark.parametrize("chain", [(), ("passthru", "bridge")])
async def test_it_needs_no_program(chain: tuple[str, ...]) -> None:
    """F82: for no verb; the plugins behind it are called as ever."""
    node = Node()
    node.network("cbr0", namespace="kube-system", cniVersion="1.1.0", chain=chain,
                 **({} if chain else {"type": "passthru"}))  # fmt: skip
    result = await node.add()
    assert (result.interfaces, result.ips) == ((), ())
    await node.call("CHECK")
    await node.call("STATUS")
    await node.call("GC", {"cni.dev/valid-attachments": [{"containerID": "cid1", "ifname": "eth0"}]})
    await node.delete()
    verbs = ["ADD", "CHECK", "STATUS", "GC", "DEL"] if chain else []
    assert [call.verb for call in node.plugins.calls] == verbs
    assert {call.kind for call in node.plugins.calls} <= {"bridge"}
    assert node.left() == []
