"""An ADD on a bridge that fails, or is cancelled, leaves nothing: no interface, no rule, no address given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.drivers.bridge.driver import Bridge
from plurimus.drivers.call import Call
from plurimus.drivers.ptp.driver import Ptp

from . import firewall, plugins
from .bridges import PODS, Giving, add, conf, delete, ipam, path, pods, ports, variables
from .snapshot import kernel

pytestmark = pytest.mark.usefixtures("root", "node")

POD, _ = PODS


@pytest.fixture
def node() -> Iterator[None]:
    with pods(*PODS):
        yield


ADDRESS = {"address": "10.6.0.2/24"}
NETWORK = conf(isDefaultGateway=True, ipam={"type": "giving"})
REFUSED = {
    "no way to a gateway": (NETWORK, Giving(ADDRESS, routes=[{"dst": "10.9.0.0/16", "gw": "172.16.0.1"}])),
    "an address twice": (NETWORK, Giving(ADDRESS, ADDRESS)),
    "an mtu no veth has": (NETWORK | {"mtu": 20}, Giving(ADDRESS)),
    "no room for a gateway": (NETWORK, Giving({"address": "10.6.0.2/32"})),
    "a second network": (NETWORK, Giving(ADDRESS, {"address": "10.7.0.2/24"})),
    "no address": (NETWORK, Giving()),
}


@pytest.mark.parametrize(("given", "plugin"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("rules", [False, True], ids=["plain", "rules"])
def test_a_refused_add_leaves_nothing(given: dict[str, Any], plugin: Giving, rules: bool) -> None:
    before = kernel(POD)
    plugin.verbs.clear()
    more = {"ipMasq": True, "macspoofchk": True} if rules else {}
    with pytest.raises(PlurimusError) as refused:
        add(given | more, by=Bridge(Path("/"), ipam(plugin)))
    assert plugin.verbs == ["ADD", "DEL"]
    assert kernel(POD) == before
    assert ports() == []
    assert firewall.iptables() == []
    assert [line for line in firewall.nft("bridge", "nat") if "cni-br" in line] == []
    assert not getattr(refused.value, "__notes__", [])


def test_a_failure_of_ipam_is_passed_on_and_nothing_made() -> None:
    before = kernel(POD)
    with pytest.raises(AttachmentError, match='failed to find plugin "nowhere"'):
        add(conf(ipam={"type": "nowhere"}))
    assert kernel(POD) == before
    assert ports() == []


def test_masquerading_that_fails_half_way_takes_all_of_it_away() -> None:
    plugin = Giving(ADDRESS, {"address": "fd06::2/64"})
    by = Bridge(Path("/"), ipam(plugin), programs=firewall.Without("ip6tables-restore"))
    with pytest.raises(AttachmentError, match="the program 'ip6tables-restore' is in none of"):
        add(NETWORK | {"ipMasq": True, "ipMasqBackend": "iptables"}, by=by)
    assert plugin.verbs == ["ADD", "DEL"]
    assert ports() == []
    assert firewall.iptables() == []


@pytest.mark.parametrize("driver", [Bridge, Ptp])
def test_addresses_stay_given_where_rules_about_them_cannot_be_taken_back(driver: type[Bridge] | type[Ptp]) -> None:
    """Nobody else gets an address that is masqueraded still, before the DEL that follows."""
    plugin = Giving(ADDRESS | {"gateway": "10.6.0.1"})
    by = driver(Path("/"), ipam(plugin), programs=firewall.Refusing("iptables"))
    given = NETWORK | {"type": driver.__name__.lower(), "ipMasq": True, "ipMasqBackend": "iptables"}
    with pytest.raises(AttachmentError, match="cannot list the chain") as refused:
        add(given, by=by)
    assert "while undoing: iptables cannot list the chain" in refused.value.__notes__[0]
    assert (plugin.verbs, ports()) == (["ADD"], [])
    delete(given, by=driver(Path("/"), ipam(plugin)))
    assert plugin.verbs == ["ADD", "DEL"]


def test_rules_are_taken_back_also_where_the_interface_could_not_be() -> None:
    programs = firewall.Starving()
    try:
        with pytest.raises(AttachmentError, match="refused") as refused:
            add(conf(macspoofchk=True), by=Bridge(Path("/"), ipam(), programs=programs))
    finally:
        programs.end()
    assert "Too many open files" in refused.value.__notes__[0]
    assert programs.events == ["starved", "nft"]
    assert len(ports()) == 1
    delete(conf(macspoofchk=True))
    assert ports() == []


@pytest.mark.parametrize("rules", [False, True], ids=["plain", "rules"])
def test_a_cancelled_add_leaves_nothing(rules: bool) -> None:
    before = kernel(POD)

    async def work() -> list[str]:
        adding: asyncio.Task[str] | None = None
        plugin = Giving(ADDRESS, meanwhile=lambda: adding is not None and adding.cancel())
        more = {"ipMasq": True, "macspoofchk": True} if rules else {}
        by = Bridge(Path("/"), ipam(plugin))
        adding = asyncio.ensure_future(plugins.answer(by, variables("ADD", POD, "eth0"), NETWORK | more))
        with pytest.raises(asyncio.CancelledError):
            await adding
        return plugin.verbs

    assert asyncio.run(work()) == ["ADD", "DEL"]
    assert kernel(POD) == before
    assert ports() == []
    assert firewall.iptables() == []


def test_what_cannot_be_undone_is_a_note_on_the_error() -> None:
    class Keeping(Giving):
        async def delete(self, call: Call) -> None:
            raise AttachmentError("it is locked")

    plugin = Keeping(ADDRESS, routes=[{"dst": "10.9.0.0/16", "gw": "172.16.0.1"}])
    with pytest.raises(AttachmentError, match=r"adding route 10\.9\.0\.0/16") as refused:
        add(NETWORK, by=Bridge(Path("/"), ipam(plugin)))
    assert refused.value.__notes__ == ["while undoing: it is locked"]
    assert ports() == []


def test_the_namespace_may_go_while_an_interface_is_made() -> None:
    plugin = Giving(ADDRESS, meanwhile=lambda: netns.delete(path(POD)))
    with pytest.raises(AttachmentError, match=r"network namespace .* cannot be opened"):
        add(NETWORK, by=Bridge(Path("/"), ipam(plugin)))
    assert plugin.verbs == ["ADD", "DEL"]
    assert ports() == []
