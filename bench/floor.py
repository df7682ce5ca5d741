"""The kernel's own share: the bare netlink requests for a pod's links, addresses and default route, and nothing else.

An ADD is two sends: on the node a veth with its bridge port, and the macvlan interfaces, born in the pod; in the pod
all addresses and the route.  A DEL is one: the group all of them are in.  Nothing is executed, looked up or written
down.  Processor time is the calling thread's, with what Python takes for it.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import time
from ipaddress import IPv4Address
from itertools import count

from bench import networks
from bench.networks import Pod
from bench.process import Run
from plurimus.adapters.netlinksocket import NetlinkSocket, Request
from plurimus.wire import netlink, rtgroups, rtkinds, rtrequests
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtkinds import NewLink

NAME = "kernel"
_BRIDGE, _SUBNET = "floor0", "10.31"
_GROUP, _FIRST, _HOST = 77, 1000, 1 << 20
_ACK, _CREATE = netlink.NLM_F_ACK, netlink.NLM_F_ACK | netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
_INDEX = struct.Struct("=i")
_ADDRESS = struct.Struct("=BBBBI")
_RTM_NEWADDR, _IFA_ADDRESS, _IFA_LOCAL = 20, 1, 2
_IFLA_GROUP = 27
_numbers = count(1)


class Floor:
    """Made in the node's namespace, in which its bridge is."""

    name = NAME

    def __init__(self) -> None:
        for argv in (
            ("link", "add", _BRIDGE, "type", "bridge"),
            ("address", "add", f"{_SUBNET}.0.1/16", "dev", _BRIDGE),
            ("link", "set", _BRIDGE, "up"),
        ):
            subprocess.run(("ip", *argv), check=True)
        self._bridge, self._nic = socket.if_nametoindex(_BRIDGE), socket.if_nametoindex(networks.NIC)
        self._node = NetlinkSocket.open()

    def run(self, pod: Pod, verb: str) -> Run:
        """ADD or DEL of one pod."""
        began, cpu = time.perf_counter(), time.thread_time()
        with NetlinkSocket.open(pod.netns) as inside:
            if verb == "ADD":
                self._add(pod, inside)
            else:
                inside.change("deleting the group", rtkinds.RTM_DELLINK, 0, rtgroups.delete(_GROUP))
        return Run(0, b"", time.perf_counter() - began, time.thread_time() - cpu)

    def _add(self, pod: Pod, inside: NetlinkSocket) -> None:
        number = next(_numbers)
        tail = f"{1 + number // 250 % 250}.{2 + number % 250}"
        namespace = os.open(pod.netns, os.O_RDONLY)
        try:
            self._node.change_all(self._links(pod, namespace, number))
        finally:
            os.close(namespace)
        subnets = [_SUBNET, *(f"10.{128 + k}" for k in range(len(pod.networks)))]
        route = rt.Route(4, None, gateway=IPv4Address(f"{_SUBNET}.0.1"), oif=_FIRST)
        inside.change_all([
            Request("raising eth0", rt.RTM_NEWLINK, _ACK, rtrequests.set_link(_FIRST, up=True)),
            Request("grouping eth0", rt.RTM_NEWLINK, _ACK, rtgroups.join(_FIRST, _GROUP)),
            *(_address(_FIRST + i, f"{subnet}.{tail}") for i, subnet in enumerate(subnets)),
            Request("the route", rt.RTM_NEWROUTE, _CREATE, rtrequests.new_route(route)),
        ])  # fmt: skip

    def _links(self, pod: Pod, namespace: int, number: int) -> list[Request]:
        peer = rtkinds.veth(NewLink("veth", "eth0", namespace=namespace))
        peer = peer[:4] + _numbered(peer[4:], _FIRST)  # behind the attribute's own head
        host = rtkinds.new_link(NewLink("veth", f"floor{number}", peer, master=self._bridge, up=True))
        made = [_numbered(host, _HOST + number)]  # a peer gets its number only if this one has one
        mode = rtkinds.macvlan("bridge")
        for i, name in enumerate(pod.interfaces[1:]):
            link = NewLink("macvlan", name, mode, lower=self._nic, namespace=namespace, up=True)
            made.append(_numbered(rtkinds.new_link(link), _FIRST + 1 + i) + _group())
        return [Request("making a link", rt.RTM_NEWLINK, _CREATE, payload) for payload in made]


def _numbered(payload: bytes, index: int) -> bytes:
    """The link with its number chosen here, so that nobody need ask for it."""
    return payload[:4] + _INDEX.pack(index) + payload[8:]


def _group() -> bytes:
    return netlink.attribute(_IFLA_GROUP, netlink.U32.pack(_GROUP))


def _address(index: int, address: str) -> Request:
    packed = socket.inet_aton(address)
    body = _ADDRESS.pack(socket.AF_INET, 16, 0, 0, index)
    body += netlink.attribute(_IFA_LOCAL, packed) + netlink.attribute(_IFA_ADDRESS, packed)
    return Request("an address", _RTM_NEWADDR, _CREATE, body)
