"""An ADD on a bridge that fails, or is cancelled, leaves nothing: no interface, no rule, no address given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.drivers.bridge.driver import Bridge
from plurimus.drivers.ipam import Ipam

from . import firewall, plugins
from .bridges import PODS, add, conf, path, pods, ports, variables
from .snapshot import kernel

pytestmark = pytest.mark.usefixtures("root", "node")

POD, _ = PODS


@pytest.fixture
def node() -> Iterator[None]:
    with pods(*PODS):
        yield


class Giving:
    """An IPAM plugin inside: what it gave, and what was given back; `meanwhile` happens as it gives."""

    def __init__(self, answer: Mapping[str, Any], meanwhile: Callable[[], object] = lambda: None) -> None:
        self._answer = answer
        self._meanwhile = meanwhile
        self.verbs: list[str] = []

    def find(self, kind: str, search: Sequence[str]) -> str:
        return kind

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        self.verbs.append(env["CNI_COMMAND"])
        if env["CNI_COMMAND"] == "DEL":
            # an address is given back only once nobody has it
            assert ports() == []
            return b""
        self._meanwhile()
        return json.dumps(self._answer).encode()


def answer(**more: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "ips": [{"address": "10.6.0.2/24"}], **more}


NETWORK = conf(isDefaultGateway=True, ipam={"type": "giving"})
REFUSED = {
    "no way to a gateway": (NETWORK, answer(routes=[{"dst": "10.9.0.0/16", "gw": "172.16.0.1"}])),
    "an address twice": (NETWORK, answer(ips=[{"address": "10.6.0.2/24"}, {"address": "10.6.0.2/24"}])),
    "an mtu no veth has": (NETWORK | {"mtu": 20}, answer()),
    "no room for a gateway": (NETWORK, answer(ips=[{"address": "10.6.0.2/32"}])),
    "a second network": (NETWORK, answer(ips=[{"address": "10.6.0.2/24"}, {"address": "10.7.0.2/24"}])),
    "no address": (NETWORK, answer(ips=[])),
}


@pytest.mark.parametrize(("given", "answered"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("rules", [False, True], ids=["plain", "rules"])
def test_a_refused_add_leaves_nothing(given: dict[str, Any], answered: dict[str, Any], rules: bool) -> None:
    before, plugin = kernel(POD), Giving(answered)
    more = {"ipMasq": True, "macspoofchk": True} if rules else {}
    with pytest.raises(PlurimusError) as refused:
        add(given | more, by=Bridge(Path("/"), Ipam(plugin)))
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
    plugin = Giving(answer(ips=[{"address": "10.6.0.2/24"}, {"address": "fd06::2/64"}]))
    by = Bridge(Path("/"), Ipam(plugin), programs=firewall.Without("ip6tables-restore"))
    with pytest.raises(AttachmentError, match="the program 'ip6tables-restore' is in none of"):
        add(NETWORK | {"ipMasq": True, "ipMasqBackend": "iptables"}, by=by)
    assert plugin.verbs == ["ADD", "DEL"]
    assert ports() == []
    assert firewall.iptables() == []


@pytest.mark.parametrize("rules", [False, True], ids=["plain", "rules"])
def test_a_cancelled_add_leaves_nothing(rules: bool) -> None:
    before = kernel(POD)

    async def work() -> list[str]:
        adding: asyncio.Task[str] | None = None
        plugin = Giving(answer(), meanwhile=lambda: adding is not None and adding.cancel())
        more = {"ipMasq": True, "macspoofchk": True} if rules else {}
        by = Bridge(Path("/"), Ipam(plugin))
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
        async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
            if env["CNI_COMMAND"] == "DEL":
                raise AttachmentError("it is locked")
            return await super().run(kind, env=env, stdin=stdin, search=search)

    plugin = Keeping(answer(routes=[{"dst": "10.9.0.0/16", "gw": "172.16.0.1"}]))
    with pytest.raises(AttachmentError, match=r"adding route 10\.9\.0\.0/16") as refused:
        add(NETWORK, by=Bridge(Path("/"), Ipam(plugin)))
    assert refused.value.__notes__ == ["while undoing: it is locked"]
    assert ports() == []


def test_the_namespace_may_go_while_an_interface_is_made() -> None:
    plugin = Giving(answer(), meanwhile=lambda: netns.delete(path(POD)))
    with pytest.raises(AttachmentError, match=r"network namespace .* cannot be opened"):
        add(NETWORK, by=Bridge(Path("/"), Ipam(plugin)))
    assert plugin.verbs == ["ADD", "DEL"]
    assert ports() == []
