"""`/delegate`: one attachment more, or less, for a running sandbox (F61)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, Code, PlurimusError
from plurimus.node import hotplug
from plurimus.node.context import Outcome, Request
from plurimus.node.message import InterfaceAttributes

from .world import CONTAINER, Node

NET9: dict[str, Any] = {"cniVersion": "1.0.0", "name": "nine", "type": "nine"}


async def call(node: Node, verb: str, config: dict[str, Any] | None = None, *, ifname: str = "net9",
               attributes: InterfaceAttributes | None = None, **env: str) -> Outcome:  # fmt: skip
    """A request of the dynamic networks controller."""
    full = node.env(verb, ifname=ifname, **env)
    request = Request(full, json.dumps(NET9 if config is None else config).encode())
    return await hotplug.handle(node.requests, request, attributes or InterfaceAttributes())


async def running(**config: Any) -> Node:
    """A node with a sandbox that has eth0 and net1; `config` are keys of the daemon's file."""
    node = Node(**config)
    node.networks("a")
    await node.add()
    node.plugins.calls.clear()
    node.cluster.events.clear()
    node.cluster.statuses.clear()
    return node


async def test_one_attachment_is_added() -> None:
    """F61: and its result answered, in 1.1.0."""
    node = await running()
    outcome = await call(node, "ADD")
    assert node.plugins.made() == ["ADD nine net9"]
    assert outcome.cni_version == "1.1.0"
    assert outcome.result is not None
    assert outcome.result.interfaces[0].name == "net9"


async def test_it_enters_the_sandboxs_record_and_goes_with_the_pod() -> None:
    """S10: also through a restart of the daemon."""
    node = await running()
    await call(node, "ADD")
    assert node.recorded() == ["eth0", "net1", "net9"]
    assert "nine-cid1-net9" in node.results.files
    node.restart()
    await node.delete()
    assert node.plugins.made("DEL") == ["DEL nine net9", "DEL a net1", "DEL bridge eth0"]
    assert node.left() == []


async def test_it_enters_a_record_of_multus_which_names_no_interface_of_the_default_network() -> None:
    """S10: that is eth0, whatever is plugged."""
    node = await running()
    theirs = [
        {key: value for key, value in element.items() if key not in ("plurimus", "ifnameRequest")}
        for element in json.loads(node.records.files["cid1"])
    ]
    node.records.files["cid1"] = json.dumps(theirs).encode()
    await call(node, "ADD")
    assert sorted(node.recorded()) == ["eth0", "net1", "net9"]
    await node.delete()
    assert sorted(node.plugins.made("DEL")) == ["DEL a net1", "DEL bridge eth0", "DEL nine net9"]


@pytest.mark.parametrize("config", [{}, {"cniDir": "/daemon"}])
async def test_it_is_recorded_where_the_runtime_keeps_its_sandboxes(config: dict[str, str]) -> None:
    """S10: the controller does not know the runtime's configuration, nor the `cniDir` in it."""
    node = Node(netconf={"cniDir": "/runtime"}, **config)
    await node.add()
    await call(node, "ADD")
    await node.delete()
    assert node.plugins.made("DEL") == ["DEL nine net9", "DEL bridge eth0"]
    assert node.left() == []


async def test_a_folder_of_other_requests_that_cannot_be_read_is_in_nobodys_way() -> None:
    """One request with a wrong `cniDir` is enough, and the daemon knows of it from then on."""
    node = await running()
    node.requests.cni_dirs.add("/broken")
    node.stores["/broken"][0].unreadable.add(CONTAINER)
    await call(node, "ADD")
    assert node.recorded() == ["eth0", "net1", "net9"]
    node.records.files.clear()
    with pytest.raises(AttachmentError, match="cannot read cid1"):
        await call(node, "ADD", ifname="net8")


async def test_it_is_recorded_before_its_plugin_runs() -> None:
    """S10: so that nothing is lost when the daemon dies meanwhile."""
    node = await running()
    held = node.plugins.hold("ADD", "net9")
    async with held.while_waiting(call(node, "ADD")):
        assert node.recorded() == ["eth0", "net1", "net9"]


async def test_status_is_the_callers_and_an_event_is_told() -> None:
    """F61."""
    node = await running()
    await call(node, "ADD")
    assert node.cluster.statuses == []
    assert node.cluster.told() == [("Normal", "AddedInterface", "Add net9 [10.0.0.3/24] from nine")]


async def test_what_the_caller_asks_of_the_interface() -> None:
    """F61: addresses, hardware address, arguments."""
    node = await running()
    attributes = InterfaceAttributes(ips=["10.1.0.2/24"], mac="02:00:00:00:00:09", cni_args={"x": 1})
    await call(node, "ADD", NET9 | {"capabilities": {"ips": True, "mac": True}}, attributes=attributes)
    given = node.plugins.calls[0]
    assert given.conf["runtimeConfig"] == {"ips": ["10.1.0.2/24"], "mac": "02:00:00:00:00:09"}
    assert given.conf["args"] == {"cni": {"x": 1}}
    assert {"MAC=02:00:00:00:00:09", "IP=10.1.0.2/24"} <= set(given.env["CNI_ARGS"].split(";"))


@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK"])
async def test_the_daemons_keys_stay_out_of_the_network(verb: str) -> None:
    """S26, F64: they are laid over the configuration of Plurimus alone."""
    node = await running(cniVersion="0.3.1", logLevel="debug", binDir="/first", chrootDir="")
    if verb != "ADD":
        await call(node, "ADD")
        node.plugins.calls.clear()
    await call(node, verb)
    given = node.plugins.calls[0]
    assert {key: value for key, value in given.conf.items() if key != "prevResult"} == NET9
    assert given.search[0] == "/first"


async def test_a_list_is_a_chain() -> None:
    """F61: for every verb, one without a version too."""
    node = await running(cniVersion="1.0.0")
    config = {"name": "nine", "plugins": [{"type": "x"}, {"type": "y"}]}
    await call(node, "ADD", config)
    await call(node, "CHECK", config)
    await call(node, "DEL", config)
    assert node.plugins.made() == [
        f"{call} net9" for call in ("ADD x", "ADD y", "CHECK x", "CHECK y", "DEL y", "DEL x")
    ]
    assert {call.conf["cniVersion"] for call in node.plugins.calls} == {"1.0.0"}
    assert node.recorded() == ["eth0", "net1"]


async def test_a_failed_add_is_undone_and_nothing_else() -> None:
    """F61."""
    node = await running()
    before = node.left()
    node.plugins.fail("ADD", "net9", error=AttachmentError("no rail", code=101))
    with pytest.raises(AttachmentError) as caught:
        await call(node, "ADD")
    assert (caught.value.code, caught.value.msg) == (
        101, '[default/pod/uid-1:nine]: error adding container to network "nine": no rail',
    )  # fmt: skip
    assert node.plugins.made() == ["ADD nine net9", "DEL nine net9"]
    assert sorted(map(str, node.left())) == sorted(map(str, before))
    assert node.recorded() == ["eth0", "net1"]
    assert node.cluster.told() == []


async def test_what_cannot_be_undone_stays_on_record() -> None:
    """F24, S10, S49."""
    node = await running()
    node.plugins.fail("ADD", "net9")
    node.plugins.fail("DEL", "net9", times=1)
    with pytest.raises(AttachmentError, match="no ADD of net9 today") as caught:
        await call(node, "ADD")
    assert caught.value.__notes__[0].startswith("while undoing: ")
    assert node.recorded() == ["eth0", "net1", "net9"]
    await node.delete()
    assert node.left() == []


async def test_a_taken_interface_name_is_refused() -> None:
    """F37."""
    node = await running()
    with pytest.raises(PlurimusError, match="interface name net1 already exists"):
        await call(node, "ADD", ifname="net1")
    assert node.plugins.made() == []
    assert node.recorded() == ["eth0", "net1"]


async def test_one_attachment_is_deleted() -> None:
    """F61, S10: from the record too, the pod's DEL does not repeat it."""
    node = await running()
    await call(node, "ADD")
    await call(node, "DEL")
    assert node.plugins.made() == ["ADD nine net9", "DEL nine net9"]
    assert "prevResult" in node.plugins.calls[1].conf
    assert node.recorded() == ["eth0", "net1"]
    await node.delete()
    assert node.left() == []


async def test_an_attachment_of_the_pods_own_may_be_deleted() -> None:
    """F61: the controller takes away what the annotation no longer names."""
    node = await running()
    await call(node, "DEL", {"cniVersion": "1.0.0", "name": "a", "type": "a"}, ifname="net1")
    assert node.plugins.made() == ["DEL a net1"]
    assert node.recorded() == ["eth0"]


async def test_an_attachment_nobody_recorded_is_deleted_as_the_request_says() -> None:
    """F61: as Multus left it."""
    node = await running()
    await call(node, "DEL")
    assert node.plugins.made() == ["DEL nine net9"]
    assert node.recorded() == ["eth0", "net1"]


async def test_a_failed_del_is_told_and_stays_on_record() -> None:
    """F61, F24: unlike the shim of Multus."""
    node = await running()
    await call(node, "ADD")
    node.plugins.fail("DEL", "net9", times=1)
    with pytest.raises(AttachmentError, match='error deleting container from network "nine": no DEL of net9 today'):
        await call(node, "DEL")
    assert node.recorded() == ["eth0", "net1", "net9"]
    await call(node, "DEL")
    assert node.recorded() == ["eth0", "net1"]


async def test_check_and_status_are_of_the_one_network() -> None:
    """F61."""
    node = await running()
    config = NET9 | {"cniVersion": "1.1.0"}
    await call(node, "ADD", config)
    await call(node, "CHECK", config)
    await call(node, "STATUS", config)
    assert node.plugins.made() == ["ADD nine net9", "CHECK nine net9", "STATUS nine"]


@pytest.mark.parametrize("verb", ["GC", "VERSION"])
async def test_other_verbs_are_refused(verb: str) -> None:
    """F61."""
    with pytest.raises(PlurimusError) as caught:
        await call(await running(), verb)
    assert caught.value.code == Code.INVALID_ENVIRONMENT


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
async def test_the_pod_must_exist(verb: str) -> None:
    """F61, spec section 7.2."""
    node = await running()
    node.cluster.pods.clear()
    with pytest.raises(ClusterError, match="not known to the cluster"):
        await call(node, verb)
    assert node.plugins.made() == []


@pytest.mark.parametrize("config", [{}, {"name": "x"}, {"type": "x"}, {"name": "x", "type": "multus"}])
async def test_a_network_that_cannot_be_is_refused(config: dict[str, Any]) -> None:
    """F61, S35."""
    node = await running()
    with pytest.raises(PlurimusError) as caught:
        await call(node, "ADD", config)
    assert caught.value.code == Code.INVALID_CONFIG
    assert node.plugins.made() == []
