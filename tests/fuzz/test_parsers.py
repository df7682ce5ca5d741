"""Every parser of what others wrote: a value, or the error it documents, and nothing else, in bounded time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from plurimus.adapters import checkpoint, yamltexts
from plurimus.cni import args, cache, conf, errors, gojson, goregexp, macs, result, version
from plurimus.cni.errors import PlurimusError
from plurimus.core import (
    config,
    hostlocal,
    hostpaths,
    needs,
    netconf,
    program,
    record,
    static,
    tracecontext,
    whereaboutskeys,
)
from plurimus.drivers.bridge import conf as bridge
from plurimus.drivers.call import Call
from plurimus.drivers.hostdevice import conf as hostdevice
from plurimus.drivers.sriov import conf as sriovconf
from plurimus.drivers.sriov import saved
from plurimus.drivers.tuning import conf as tuning
from plurimus.model import deviceinfo, ippool, selection
from plurimus.node import message
from plurimus.wire import netlink, podresources, probe, protobuf, rdma, rtanswers, rtlinks, rtrules, rtvfs

from . import corpus
from .mutations import SECONDS, blobs, documents, hammer, texts

NETLINK = [
    netlink.frame(
        16, 2, 1, bytes(16) + netlink.attribute(3, b"net1\0") + netlink.attribute(18, netlink.attribute(1, b"x"))
    ),
    bytes(16) + netlink.attribute(3, b"net1\0") + netlink.attribute(1, b"\2\0\0\0\0\1"),
    bytes(8) + netlink.attribute(1, b"\n\0\0\1") + netlink.attribute(3, b"net1\0"),
    bytes(12) + netlink.attribute(5, bytes(4)) + netlink.attribute(9, bytes(8)),
    b"\2\x18" + bytes(10) + netlink.attribute(1, bytes(4)) + netlink.attribute(4, b"\1\0\0\0"),
]
PROTOBUF = [
    protobuf.string(1, protobuf.string(2, "ns").decode() + protobuf.string(1, "pod").decode()),
    b"\n\3abc\x12\0",
]


def whole(text: str | bytes) -> None:
    """A configuration on its way: read, limited, written, derived for each of its plugins."""
    read = conf.parse(text, default_name="net", list_version="1.0.0", allow_no_plugins=True)
    limited = hostpaths.limited(read, netconf.NetConf())
    conf.parse(limited.encode(), default_name="net", allow_no_plugins=True)
    for plugin in limited.plugins:
        conf.derive(limited, plugin, capability_args={"mac": "x"}, prev_result={})


def converted(document: Any) -> None:
    read = result.parse(document, default_version="1.0.0")
    for to in (*version.SUPPORTED, "9"):
        try:
            result.encode(read, to)
        except PlurimusError:
            continue


def node(text: bytes) -> None:
    raw = netconf.decode(text)
    netconf.shim_cni_dir(raw)
    netconf.parse(raw, overlay={"binDir": "/x"})
    netconf.valid_attachments(raw)


def leases(document: Any) -> None:
    hostlocal.data_dir(document)
    wanted = gojson.convert(document, hostlocal.Conf)
    for each in hostlocal.request(wanted, (("IP", "10.0.0.7"),), "1.0.0").sets:
        for _, _ in zip(range(50), each.candidates("10.0.0.6"), strict=False):
            pass


def called(read: Callable[[Call], object]) -> Callable[[Any], None]:
    def check(document: Any) -> None:
        read(Call("ADD", "cid1", "/run/netns/x", "net1", conf=gojson.fold(document, ("name",))))

    return check


def fixed(call: Call) -> None:
    static.made(call.settings(static.Conf), (("IP", "10.0.0.9/24"),), "1.0.0")


def traced(data: bytes) -> None:
    tracecontext.read({"TRACEPARENT": data.decode("latin-1"), "TRACESTATE": "a=b"})


def environment(env: dict[str, Any]) -> None:
    read = args.parse_environment({key: str(value) for key, value in env.items()})
    args.parse_args(args.format_args(read.args))


def plan(content: bytes) -> None:
    record.decode(content, container_id="cid1")


def kernel(data: bytes) -> None:
    """Answers of the kernel, which says when it makes no sense of them."""
    for read in (lambda: list(netlink.messages(data)), lambda: netlink.attributes(data), lambda: rtanswers.link(data),
                 lambda: rtanswers.address(data), lambda: list(rtanswers.routes(data)), lambda: rtlinks.device(data),
                 lambda: rtrules.rule(data), lambda: rtrules.route(data), lambda: rtvfs.functions([data]),
                 lambda: rdma.device(data), lambda: rdma.port(data), lambda: netlink.outcomes(data)):  # fmt: skip
        try:
            read()
        except netlink.WireError:
            continue


def frames(data: bytes) -> None:
    probe.arp_sender(data)
    probe.advertised(data)
    for family in (4, 6):
        probe.echo_reply(family, data)


def kubelet(data: bytes) -> None:
    for read in (podresources.got, lambda message: podresources.listed(message, "ns", "pod")):
        try:
            read(data)
        except protobuf.ProtobufError:
            continue


def attached(text: bytes) -> None:
    selection.parse(text.decode(errors="surrogateescape"), namespace="ns")


def objects(examples: list[Any]) -> st.SearchStrategy[Any]:
    return documents(examples).filter(lambda each: isinstance(each, dict))


def checkpointed(text: bytes) -> None:
    checkpoint.containers(text, "uid-1")


Target = tuple[st.SearchStrategy[Any], Callable[[Any], object], tuple[type[Exception], ...]]
ours = (PlurimusError,)
TARGETS: dict[str, Target] = {
    "JSON": (texts([*corpus.NETCONF, *corpus.LISTS]), gojson.decode, (ValueError,)),
    "network configuration": (texts(corpus.CONFIGURATIONS), whole, ours),
    "network configuration, structure": (documents(corpus.CONFIGURATIONS).map(corpus.shaped), whole, ours),
    "configuration of the node": (texts(corpus.NETCONF), node, ours),
    "file of the daemon": (texts(corpus.DAEMON), lambda text: config.parse(text), ours),
    "variables": (objects(corpus.ENVIRONMENTS), environment, ours),
    "arguments": (blobs([corpus.POD_ARGS.encode()]), lambda data: args.parse_args(data.decode("latin-1")), ours),
    "result": (objects(corpus.RESULTS), converted, ours),
    "result, bytes": (texts(corpus.RESULTS), converted, ours),
    "error of a plugin": (texts(corpus.ERRORS), errors.decode_error, ()),
    "networks, JSON": (texts(corpus.NETWORKS), attached, ours),
    "networks, short": (blobs(corpus.SHORT), attached, ours),
    "body of a request": (texts([{"env": corpus.ENVIRONMENT, "config": "e30=", "interfaceAttributes": {"ips": ["a"]}}]),
                          message.decode, ours),
    "cached result": (texts(corpus.CACHED), cache.decode, (ValueError,)),
    "record": (texts(corpus.RECORD), plan, (ValueError,)),
    "record of Multus": (texts(corpus.MULTUS_RECORD), plan, (ValueError,)),
    "what plugins need": (texts(corpus.NEEDS), needs.decode, (ValueError,)),
    "device information": (texts(corpus.DEVICE_INFO), deviceinfo.parse, (ValueError,)),
    "checkpoint of kubelet": (texts(corpus.CHECKPOINT), checkpointed, (ValueError,)),
    "file of sriov-cni": (texts(corpus.SRIOV), lambda text: saved.decode(text, "net1"), (ValueError,)),
    "host-local": (objects(corpus.SINGLE[:1]), leases,
                   (PlurimusError, ValueError)),
    "whereabouts": (objects(corpus.SINGLE[1:2]), whereaboutskeys.own, ours),
    "static": (objects(corpus.STATIC), called(fixed), ours),
    "bridge": (objects(corpus.BRIDGE), called(bridge.read), ours),
    "tuning": (objects([{"name": "n", **corpus.LISTS[0]["plugins"][1]}, corpus.SINGLE[2]]), called(tuning.read), ours),
    "sriov": (objects([{"name": "n", "deviceID": "0000:18:02.1", "vlan": 5, "vlanQoS": 1, "mac": "02:00:00:00:00:01",
                          "min_tx_rate": 1, "spoofchk": "on"}]),
              called(sriovconf.read), ours),
    "host-device": (objects([{"name": "n", "device": "eth9"}, {"name": "n", "hwaddr": "02:00:00:00:00:01"},
                               {"name": "n", "kernelpath": "/sys/devices/x"}]),
                    called(lambda call: hostdevice.read(call, Path("/nonexistent"))), ours),
    "program": (blobs(corpus.PROGRAM), program.read, ours),
    "resolv.conf": (blobs(corpus.RESOLV), lambda data: hostlocal.nameservers(data.decode("latin-1")), ()),
    "pattern of Go": (blobs(corpus.PATTERNS), lambda data: goregexp.compile(data.decode("latin-1")), (ValueError,)),
    "hardware address": (blobs([b"02:00:00:00:00:01", b"0200.0000.0001"]), lambda d: macs.packed(d.decode("latin-1")),
                         (ValueError,)),
    "range of whereabouts": (blobs([b"10.0.0.0/24", b"fd00::/64"]), lambda d: ippool.start(d.decode("latin-1")),
                             (ValueError,)),
    "YAML": (blobs([b"a: {b: [1, 2]}\n---\nc: &x d\ne: *x\n"]),
             lambda data: yamltexts.documents(data.decode("latin-1")), (ValueError,)),
    "trace": (blobs([b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]), traced, ()),
    "netlink": (blobs(NETLINK), kernel, ()),
    "frames": (blobs([bytes(42), bytes(14) + b"\x86\xdd" + bytes(60)]), frames, ()),
    "kubelet's answers": (blobs(PROTOBUF), kubelet, ()),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_a_value_or_the_documented_error(name: str) -> None:
    inputs, parse, documented = TARGETS[name]

    read = 0

    def check(value: Any) -> None:
        nonlocal read
        try:
            parse(value)
        except documented:
            return
        read += 1

    assert hammer(SECONDS / len(TARGETS), inputs, check) >= 1
    assert read, "not even what it starts from could be read"
