"""A virtual function as a pod's interface, moved by a plugin of the reference plugins."""

from __future__ import annotations

from tests.node.daemon import Node

from .cards import Vf, carries


def test_host_device_moves_the_function_with_a_device_id_there_and_back(node: Node, vfs: list[Vf]) -> None:
    """F8, F31."""
    vf = vfs[0]
    home = vf.link()
    conf = {"cniVersion": "1.0.0", "type": "host-device", "pciBusID": vf.pci, "ipam": node.host_local("10.56.1.0/24")}
    node.network("rail", conf)
    pod = node.sandbox("rail")
    before = node.snapshot()
    pod.add()
    assert vf.host_names() == []
    moved = vf.link(pod.name)
    assert (moved["ifname"], moved["address"]) == ("net1", home["address"])
    carries("net1", pod.name)
    assert pod.addresses()["net1"] == ["10.56.1.2/24"]
    pod.check()
    pod.delete()
    assert (vf.host_names(), vf.link()["address"]) == ([vf.home_name], home["address"])
    node.is_as(before)
