"""Whether the interfaces of a pod that runs are fit for its job: what was found of each, and what that means.

RDMA spec section 7; RFC 5227.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from plurimus.cni import gojson
from plurimus.cni.result import Result
from plurimus.core.plan import Attachment, PodReference
from plurimus.core.rails import Seat
from plurimus.model.pod import Pod
from plurimus.model.status import NetworkStatus

OK, WARNING, PROBLEM = "ok", "warning", "problem"
ACTIVE = "ACTIVE"

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing about one interface; `todo` says what to do where it is not ok."""

    level: str
    interface: str
    rail: str
    check: str
    text: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another pod of the same network, at one of its addresses; `here`: its sandbox is on this node."""

    pod: str
    address: IPAddress
    here: bool = False


@dataclass(frozen=True, slots=True)
class RdmaState:
    """An RDMA device of the interface, and the state of its port in the kernel's words."""

    device: str
    state: str


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one attachment.

    `exists`, `up` and `running` (the carrier is there) are about the interface, `addresses` maps those it has to what
    is wrong with them, `strangers` are the MACs of neighbours that have one of its addresses, `twins` the pod's own
    interfaces that answer for one.  `parameters` are kernel parameters as they take effect on it, `leaves` the
    interfaces by which packets from each address leave.  `failure` is what its plugins' CHECK says.
    """

    exists: bool = True
    up: bool = True
    running: bool = True
    mac: str = ""
    mtu: int = 0
    most_mtu: int = 0
    addresses: Mapping[str, str] = field(default_factory=dict)
    strangers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    twins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    leaves: Mapping[str, str] = field(default_factory=dict)
    rdma: Sequence[RdmaState] = ()
    failure: str = ""
    peers: Mapping[Peer, bool] = field(default_factory=dict)
    rdma_peers: Mapping[Peer, str] = field(default_factory=dict)
    """What `rping` says of each it was tried with; empty where it was fine."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One attachment of a pod that runs: what was made of it, where its device is, and what there is now."""

    attachment: Attachment
    result: Result | None
    seat: Seat | None
    found: Found

    @property
    def rail(self) -> str:
        return self.seat.rail if self.seat else ""

    @property
    def label(self) -> str:
        return f"{self.attachment.ifname} ({self.rail})" if self.rail else self.attachment.ifname

    def says(self, level: str, check: str, text: str, todo: str = "") -> Verdict:
        return Verdict(level, self.attachment.ifname, self.rail, check, text, todo)


def peers(pod: Pod, network: str, statuses: Iterable[tuple[Pod, str]], here: Iterable[PodReference]) -> list[Peer]:
    """The other pods with an address in `network`, by what their network status says; `here` are those of this node."""
    near = {(each.namespace, each.name) for each in here}
    found = []
    for other, text in statuses:
        key = (other.namespace, other.name)
        if key == (pod.namespace, pod.name):
            continue
        try:
            elements = gojson.convert(gojson.decode(text), list[NetworkStatus])
            ips = [ipaddress.ip_address(ip) for each in elements if each.name == network for ip in each.ips]
        except ValueError:
            continue  # somebody else's annotation
        found += [Peer(str(other), ip, key in near) for ip in ips]
    return found


def verdicts(subjects: Sequence[Subject]) -> list[Verdict]:
    """All there is to say, interface by interface."""
    usual = Counter(each.found.mtu for each in subjects if each.rail and each.found.exists)
    mtu = usual.most_common(1)[0][0] if usual else 0
    return [
        verdict
        for subject in subjects
        for verdict in (_of(subject, subjects, mtu) if subject.found.exists else _missing(subject))
    ]


def _missing(subject: Subject) -> Iterator[Verdict]:
    yield subject.says(
        PROBLEM, "link", "the pod has no such interface", "delete the pod: its networks are made anew with it"
    )


def _of(subject: Subject, subjects: Sequence[Subject], mtu: int) -> Iterator[Verdict]:
    yield from _link(subject)
    yield from _mtu(subject, mtu)
    yield from _addresses(subject)
    if subject.rail:
        yield from _parameters(subject, several=len({each.rail for each in subjects if each.rail}) > 1)
    yield from _routing(subject)
    yield from _plugins(subject)
    yield from _rdma(subject)
    yield from _peers(subject)


def _link(subject: Subject) -> Iterator[Verdict]:
    found = subject.found
    if not found.up:
        yield subject.says(PROBLEM, "link", "it is set down", "see what in the pod sets it down; a plugin set it up")
    elif not found.running:
        yield subject.says(
            PROBLEM, "link", "no carrier", "look at cable, port and switch, and at 'link_state' of the virtual function"
        )
    else:
        yield subject.says(OK, "link", "up")


def _mtu(subject: Subject, usual: int) -> Iterator[Verdict]:
    found, expected = subject.found, _expected_mtu(subject)
    if expected and found.mtu != expected:
        yield subject.says(PROBLEM, "mtu", f"{found.mtu}, expected {expected}", "see what in the pod changes it")
    elif subject.rail and found.mtu != usual:
        yield subject.says(
            PROBLEM, "mtu", f"{found.mtu}, where the other rails have {usual}", "give all rails the same MTU"
        )
    elif 0 < found.most_mtu < found.mtu:
        yield subject.says(
            PROBLEM, "mtu", f"{found.mtu}, more than the {found.most_mtu} of its physical function",
            "raise the MTU of the physical function, or lower this one",
        )  # fmt: skip
    else:
        yield subject.says(OK, "mtu", str(found.mtu))


def _expected_mtu(subject: Subject) -> int:
    """What the plugins say it is, else what one of them was told to make it."""
    made = subject.result.interfaces if subject.result else ()
    told = [each.mtu for each in made if each.name == subject.attachment.ifname and each.sandbox and each.mtu]
    asked = [plugin.get("mtu") for plugin in subject.attachment.config.plugins if plugin["type"] in ("tuning", "sriov")]
    return next((mtu for mtu in [*reversed(asked), *told] if isinstance(mtu, int) and mtu > 0), 0)


def _addresses(subject: Subject) -> Iterator[Verdict]:
    found = subject.found
    wanted = [ip.address for ip in subject.result.ips_of(subject.attachment.ifname)] if subject.result else []
    for text in wanted:
        bare = str(ipaddress.ip_interface(text).ip)
        if text not in found.addresses:
            yield subject.says(PROBLEM, "address", f"{text} is gone", "see what in the pod removes it")
        elif found.addresses[text]:
            yield subject.says(PROBLEM, "address", f"{text} {found.addresses[text]}", "find out who else has it")
        elif strangers := found.strangers.get(bare):
            yield subject.says(
                PROBLEM, "address", f"{bare} is also that of {', '.join(strangers)}",
                "find who has that MAC; exclude the address from the network's range",
            )  # fmt: skip
        else:
            yield subject.says(OK, "address", f"{text}, nobody else's")
    for bare, names in found.twins.items():
        yield subject.says(
            WARNING, "arp", f"{', '.join(names)} of the same pod answers for {bare}, too",
            "set net.ipv4.conf.IFNAME.arp_ignore to 1 with the tuning plugin, or give each rail a subnet of its own",
        )  # fmt: skip


_RECOMMENDED = {"arp_ignore": (1, 2), "arp_announce": (2,), "rp_filter": (0, 2)}


def _parameters(subject: Subject, *, several: bool) -> Iterator[Verdict]:
    """What a pod with several rails needs, so that each answers for itself alone, and by itself."""
    wrong = [
        f"{name} is {value}, expected {' or '.join(map(str, _RECOMMENDED[name]))}"
        for name, value in subject.found.parameters.items()
        if several and name in _RECOMMENDED and value not in _RECOMMENDED[name]
    ]
    if wrong:
        todo = "set net.ipv4.conf.IFNAME.NAME with 'sysctl' of the tuning plugin in the network's chain"
        yield subject.says(WARNING, "parameters", "; ".join(wrong), todo)
    elif subject.found.parameters:
        told = ", ".join(f"{name} {value}" for name, value in subject.found.parameters.items())
        yield subject.says(OK, "parameters", told)


def _routing(subject: Subject) -> Iterator[Verdict]:
    ifname = subject.attachment.ifname
    for address, by in subject.found.leaves.items():
        if by == ifname:
            yield subject.says(OK, "routing", f"what comes from {address} leaves by {ifname}")
        else:
            how = f"leaves by {by}" if by else "leads nowhere"
            yield subject.says(
                PROBLEM, "routing", f"what comes from {address} {how}",
                "add the sbr plugin to the network's chain, and a gateway to its addresses",
            )  # fmt: skip


def _plugins(subject: Subject) -> Iterator[Verdict]:
    config = subject.attachment.config
    if config.disable_check:
        yield subject.says(OK, "plugins", "not asked, since the network has 'disableCheck'")
    elif not subject.found.failure:
        yield subject.says(OK, "plugins", f"CHECK of {', '.join(config.types)} passes")
    else:
        todo = "undo what was changed, or delete the pod"
        if "sbr" in config.types:  # the reference plugins look for routes in the main table
            todo += (
                "; where it is about routes that sbr moved, 'disableCheck' in the network keeps them from being asked"
            )
        yield subject.says(PROBLEM, "plugins", subject.found.failure, todo)


def _rdma(subject: Subject) -> Iterator[Verdict]:
    found = subject.found.rdma
    if not found and "rdma" in subject.attachment.config.types:
        yield subject.says(
            PROBLEM, "rdma", "no RDMA device in the pod", "see 'rdma dev' on the node, and 'rdma system' for its mode"
        )
    for each in found:
        if each.state == ACTIVE:
            yield subject.says(OK, "rdma", f"{each.device} is active")
        else:
            todo = "look at cable, port and switch; a port gets active with its interface"
            yield subject.says(
                PROBLEM, "rdma", f"{each.device} is {each.state or 'in no state'}, expected active", todo
            )


def _peers(subject: Subject) -> Iterator[Verdict]:
    found = subject.found
    silent = [f"{peer.pod} at {peer.address}" for peer, answers in found.peers.items() if not answers]
    if silent:
        todo = "run this for the other pod, too; look at the VLAN and the switch between them"
        yield subject.says(PROBLEM, "peers", f"no answer from {', '.join(silent)}", todo)
    elif found.peers:
        yield subject.says(OK, "peers", f"{len(found.peers)} of {len(found.peers)} answer a ping")
    for peer, failure in found.rdma_peers.items():
        if failure:
            todo = "look at the RDMA devices of both pods, and at what drops UDP port 4791 between them"
            yield subject.says(PROBLEM, "rping", f"{peer.pod} at {peer.address}: {failure}", todo)
        else:
            yield subject.says(OK, "rping", f"{peer.pod} answers at {peer.address}")
