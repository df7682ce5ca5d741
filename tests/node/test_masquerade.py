"""Masquerading by both backends, beside the plugins: what one makes the other takes away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.drivers.masquerade.masquerade import Masquerade
from plurimus.drivers.masquerade.names import Owner

from . import firewall, plugins

pytestmark = pytest.mark.usefixtures("root", "clean")

POD = "/run/netns/masq-pod"
OWNER = Owner("net1", "cid1", "eth0")
ADDRESSES = [ip_interface("10.6.0.2/24"), ip_interface("fd06::2/64")]
BACKENDS = ["iptables", "nftables"]


@pytest.fixture
def clean() -> Iterator[None]:
    firewall.flush()  # chained plugins leave chains of their own by design
    netns.create(POD)
    try:
        yield
    finally:
        netns.delete(POD)
        firewall.flush()


def masquerade(*lacking: str) -> Masquerade:
    return Masquerade(firewall.Without(*lacking))


def add(owner: Owner = OWNER, *, backend: str = "", addresses: list[Any] = ADDRESSES, using: Any = None) -> None:
    asyncio.run((using or masquerade()).add(owner, addresses, backend))


def remove(owner: Owner = OWNER, *keep: str, using: Any = None) -> None:
    asyncio.run((using or masquerade()).remove(owner, [ip_address(each) for each in keep]))


def rules() -> tuple[list[str], list[str]]:
    """What there is, by backend; what a backend keeps for all is not told."""
    return firewall.iptables(), firewall.masquerading()


def theirs(verb: str, backend: str, addresses: list[str], *, masq: bool = True, owner: Owner = OWNER) -> Any:
    """The plugin `ptp` as the one that makes or removes rules."""
    ips = [{"address": each, "gateway": each.rpartition(".")[0] + ".1"} for each in addresses]
    conf = {
        "cniVersion": "1.0.0", "name": owner.network, "type": "ptp", "ipMasq": masq, "ipMasqBackend": backend,
        "ipam": {"type": "static", "addresses": ips},
    }  # fmt: skip
    return plugins.run(plugins.variables(verb, POD, owner.ifname, owner.container_id), conf)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("addresses", [["10.6.0.2/24"], ["10.6.0.2/24", "10.7.0.3/16"]], ids=["one", "two"])
def test_rules_are_those_of_the_plugins(backend: str, addresses: list[str]) -> None:
    assert theirs("ADD", backend, addresses).returncode == 0
    wanted, hooked = rules(), firewall.nft("inet", "cni_plugins_masquerade")
    firewall.flush()
    add(backend=backend, addresses=[ip_interface(each) for each in addresses])
    assert rules() == wanted != ([], [])
    assert firewall.nft("inet", "cni_plugins_masquerade") == hooked


def test_rules_for_ipv6_are_like_those_for_ipv4() -> None:
    for backend in BACKENDS:
        add(backend=backend)
    chain = "CNI-e8f6f419596f7f47b3468487"
    said = '-m comment --comment "name: \\"net1\\" id: \\"cid1\\""'
    assert firewall.iptables() == [
        f":{chain} - [0:0]",
        f"-A POSTROUTING -s 10.6.0.2/32 {said} -j {chain}",
        f"-A {chain} -d 10.6.0.0/24 {said} -j ACCEPT",
        f"-A {chain} ! -d 224.0.0.0/4 {said} -j MASQUERADE",
        f":{chain} - [0:0]",
        f"-A POSTROUTING -s fd06::2/128 {said} -j {chain}",
        f"-A {chain} -d fd06::/64 {said} -j ACCEPT",
        f"-A {chain} ! -d ff00::/8 {said} -j MASQUERADE",
    ]
    comment = 'comment "8e48f37d5de60467-0b65a318f52e521b, net: net1, if: eth0, id: cid1"'
    assert firewall.masquerading() == [
        f"ip saddr 10.6.0.2 ip daddr != 10.6.0.0/24 masquerade {comment}",
        f"ip6 saddr fd06::2 ip6 daddr != fd06::/64 masquerade {comment}",
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_long_comment_is_cut_where_the_plugins_cut_it(backend: str) -> None:
    owner = Owner("n" * 40, "c" * 64, "eth0")
    assert theirs("ADD", backend, ["10.6.0.2/24"], owner=owner).returncode == 0
    wanted = rules()
    firewall.flush()
    add(owner, backend=backend, addresses=ADDRESSES[:1])
    assert rules() == wanted != ([], [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_takes_away_what_the_other_made(backend: str) -> None:
    assert theirs("ADD", backend, ["10.6.0.2/24"]).returncode == 0
    remove()
    assert rules() == ([], [])
    assert theirs("DEL", backend, ["10.6.0.2/24"], masq=False).returncode == 0
    assert theirs("ADD", backend, ["10.6.0.2/24"], masq=False).returncode == 0
    add(backend=backend, addresses=ADDRESSES[:1])
    theirs("DEL", backend, ["10.6.0.2/24"])  # which fails with some releases of iptables, having done it
    assert rules() == ([], [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_adding_twice_changes_nothing_and_removing_twice_succeeds(backend: str) -> None:
    add(backend=backend)
    before = rules()
    add(backend=backend)
    assert rules() == before
    remove()
    remove()
    assert rules() == ([], [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_interfaces_of_one_container_keep_their_own_rules(backend: str) -> None:
    """Where the plugins take the chain away from the second."""
    second = Owner(OWNER.network, OWNER.container_id, "net2")
    others = [ip_interface("10.6.0.9/24"), ip_interface("fd06::9/64")]
    add(second, backend=backend, addresses=others)
    alone = rules()
    add(backend=backend)
    remove(OWNER, "10.6.0.9", "fd06::9")
    assert rules() == alone
    remove(second)
    assert rules() == ([], [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_another_container_and_another_network_have_stays(backend: str) -> None:
    for owner in (Owner("net1", "cid2", "eth0"), Owner("net2", "cid1", "eth0")):
        add(owner, backend=backend, addresses=[ip_interface("10.6.0.9/24")])
    before = rules()
    add(backend=backend)
    remove()
    assert rules() == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_garbage_is_what_no_living_attachment_of_the_network_has(backend: str) -> None:
    add(Owner("net2", "cid3", "eth0"), backend=backend, addresses=[ip_interface("10.6.0.9/24")])
    of_net2 = rules()
    add(Owner("net1", "cid2", "eth0"), backend=backend, addresses=[ip_interface("10.6.0.9/24")])
    before = rules()
    add(backend=backend)
    asyncio.run(masquerade().collect("net1", {("cid2", "eth0"), ("cid3", "eth0")}))
    assert rules() == before
    asyncio.run(masquerade().collect("net1", set()))
    assert rules() == of_net2 != ([], [])


def test_the_default_is_iptables_and_else_nftables() -> None:
    add()
    assert [bool(each) for each in rules()] == [True, False]
    remove()
    add(using=masquerade("iptables"))
    assert [bool(each) for each in rules()] == [False, True]
    remove(using=masquerade("iptables", "ip6tables"))
    assert rules() == ([], [])


def test_a_host_without_the_programs_is_told_of() -> None:
    for backend, name in (("iptables", "iptables"), ("nftables", "nft")):
        with pytest.raises(
            AttachmentError, match=f"the program '{name}' is in none of /usr/local/sbin, .*; install it"
        ):
            add(backend=backend, using=masquerade(name))
        with pytest.raises(AttachmentError, match=f"'ipMasq' by {backend} is not possible on this node") as refused:
            asyncio.run(masquerade(name).check_usable(backend))
        assert refused.value.code == 50
        asyncio.run(masquerade().check_usable(backend))
    remove(using=masquerade("iptables", "ip6tables", "nft"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_at_once_do_not_stand_in_each_others_way(backend: str) -> None:
    async def work() -> None:
        using = masquerade()
        owners = [Owner("net1", f"cid{number}", "eth0") for number in range(6)]
        await asyncio.gather(*(using.add(owner, ADDRESSES, backend) for owner in owners))
        assert sum("10.6.0.2" in line for line in [*firewall.iptables(), *firewall.masquerading()]) == len(owners)
        await asyncio.gather(*(using.remove(owner) for owner in owners))

    asyncio.run(work())
    assert rules() == ([], [])


def test_rules_others_made_in_the_same_chains_stay() -> None:
    mine = [
        "POSTROUTING",
        "-s",
        "10.9.0.0/16",
        "-m",
        "comment",
        "--comment",
        'name: "net1" id: "other"',
        "-j",
        "ACCEPT",
    ]
    firewall.run("iptables", "-t", "nat", "-A", *mine)
    before = firewall.iptables()
    add(backend="iptables")
    asyncio.run(masquerade().collect("net1", set()))
    assert firewall.iptables() == before


@pytest.mark.parametrize("chain", ["", "CNI-", "POSTROUTING"])
def test_what_cannot_be_listed_is_not_taken_for_missing(chain: str) -> None:
    """iptables ends with the same status where there is no such chain, and where it fails."""
    add(backend="iptables")
    before = firewall.iptables()
    refusing = Masquerade(firewall.Refusing("iptables", chain, "iptables v1.8.9 (nf_tables): Cannot allocate memory"))
    with pytest.raises(AttachmentError, match=r"iptables cannot list the chain \S+: .*Cannot allocate memory"):
        remove(using=refusing)
    assert [line for line in firewall.iptables() if "10.6.0" in line] == [line for line in before if "10.6.0" in line]
    remove()
    assert firewall.iptables() == []


def test_a_chain_that_is_missing_is_known_whatever_the_words_for_that_are() -> None:
    strange = Masquerade(firewall.Refusing("iptables", "CNI-", "iptables v9: what chain?"))
    add(backend="iptables", using=strange)
    assert firewall.iptables() != []
    remove()
    assert firewall.iptables() == []
    remove(using=strange)


@pytest.mark.parametrize(
    "said",
    [
        "ip6tables: No chain/target/match by that name.",
        "ip6tables v1.8.9 (nf_tables): table 'nat' does not exist",
        "ip6tables (legacy): can't initialize ip6tables table `nat': Table does not exist (do you need to insmod?)",
        "ip6tables (legacy): can't initialize ip6tables table `nat': Address family not supported by protocol",
    ],
)
def test_where_a_family_has_no_rules_there_are_none_to_remove(said: str) -> None:
    add(backend="iptables", addresses=ADDRESSES[:1])
    remove(using=Masquerade(firewall.Refusing("ip6tables", said=said)))
    assert firewall.iptables() == []
