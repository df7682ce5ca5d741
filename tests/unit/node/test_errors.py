"""What a failed request says: the words tools look for, the codes plugins gave, and no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, Code, PlurimusError, encode_error
from plurimus.node.context import Request

from .world import CONTAINER, Node

SECRET = "hunter2-7f3a"


async def test_a_failed_plugin_is_named_with_pod_and_network() -> None:
    """F90."""
    node = Node()
    node.networks("a")
    node.plugins.fail("ADD", "net1", error=AttachmentError("no such rail", details="rail0", code=7))
    error = await node.refused("ADD")
    assert error.msg == '[default/pod/uid-1:a]: error adding container to network "a": no such rail'
    assert error.details == "rail0"


async def test_in_a_chain_the_plugin_is_named_too() -> None:
    """F90: with its name only where it has one."""
    node = Node()
    node.network("a", json.dumps({"cniVersion": "1.0.0", "plugins": [{"type": "x"}, {"type": "y", "name": "second"}]}))
    node.pod("a")
    node.plugins.fail("ADD", kind="y")
    error = await node.refused("ADD")
    assert error.msg == (
        '[default/pod/uid-1:a]: error adding container to network "a": '
        'plugin type="y" name="second" failed (add): no ADD of y today'
    )
    node.plugins.forgive()
    node.plugins.fail("ADD", kind="x")
    assert 'plugin type="x" failed (add): ' in (await node.refused("ADD")).msg


async def test_what_is_wrong_with_the_pods_networks_is_named_with_the_pod() -> None:
    """F90."""
    node = Node()
    node.pod("a@b@c")
    error = await node.refused("ADD")
    assert error.msg.startswith(
        "Multus: [default/pod/uid-1]: error loading k8s delegates k8s args: networks annotation"
    )


async def test_a_request_that_names_no_pod_has_the_short_form() -> None:
    """F90."""
    node = Node()
    error = await node.refused("ADD", CNI_ARGS="")
    assert error.msg.startswith("Multus: CNI_ARGS must name the pod")


@pytest.mark.parametrize("code", [1, 7, 11, 50, 51, 100, 999])
@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL", "STATUS", "GC"])
async def test_a_plugins_code_is_the_answers(verb: str, code: int) -> None:
    """S20."""
    node = Node()
    await node.add()
    node.plugins.attached.clear()
    node.plugins.fail(verb, error=AttachmentError("words of the plugin", details="more words", code=code))
    keep = {"cni.dev/valid-attachments": [{"containerID": CONTAINER, "ifname": "eth0"}]}
    error = await node.refused(verb, keep)
    assert error.code == code
    assert error.msg.endswith("words of the plugin")
    assert error.details == "more words"


async def test_several_failures_are_one_error_with_all_their_words() -> None:
    """F90: the form of a DEL with more than one failure."""
    node = Node()
    node.networks("a", "b")
    await node.add()
    node.plugins.fail("DEL", "net2", error=AttachmentError("first", code=11))
    node.plugins.fail("DEL", "net1", error=AttachmentError("second", code=7))
    error = await node.refused("DEL")
    assert error.code == 11
    assert error.msg == (
        "Multus: [default/pod/uid-1]: errors: "
        '[default/pod/uid-1:b]: error deleting container from network "b": first / '
        '[default/pod/uid-1:a]: error deleting container from network "a": second'
    )


@pytest.mark.parametrize(
    ("stdin", "code"),
    [
        pytest.param(b"", Code.DECODING_FAILURE, id="empty"),
        pytest.param(b"[]", Code.DECODING_FAILURE, id="list"),
        pytest.param(b"{", Code.DECODING_FAILURE, id="torn"),
        pytest.param(b"\xff", Code.DECODING_FAILURE, id="no-text"),
        pytest.param(b"{}", Code.INVALID_CONFIG, id="no-name"),
        pytest.param(b'{"name": "a b"}', Code.INVALID_CONFIG, id="bad-name"),
        pytest.param(b'{"name": "a", "cniVersion": "9.0.0"}', Code.INCOMPATIBLE_VERSION, id="version"),
        pytest.param(b'{"name": "a", "cniVersion": 1}', Code.INVALID_CONFIG, id="version-number"),
        pytest.param(b'{"name": "a", "delegates": {}}', Code.INVALID_CONFIG, id="wrong-type"),
    ],
)
@pytest.mark.parametrize("verb", ["ADD", "DEL"])
async def test_a_configuration_that_cannot_be_read_is_refused(verb: str, stdin: bytes, code: Code) -> None:
    """Spec section 1.2: with the code of the specification."""
    node = Node()
    with pytest.raises(PlurimusError) as caught:
        await node.requests.handle(Request(node.env(verb), stdin))
    assert caught.value.code == code
    assert node.plugins.calls == []


@pytest.mark.parametrize("verb", ["VERSION", "NONSENSE", ""])
async def test_other_verbs_are_refused(verb: str) -> None:
    """Spec section 7.2."""
    assert (await Node().refused(verb)).code == Code.INVALID_ENVIRONMENT


@pytest.mark.parametrize(("verb", "version"), [("CHECK", "0.3.1"), ("STATUS", "1.0.0"), ("GC", "1.0.0")])
async def test_a_verb_the_version_does_not_have_is_refused(verb: str, version: str) -> None:
    """F3, F4, F5."""
    error = await Node(netconf={"cniVersion": version}).refused(verb)
    assert error.code == Code.INCOMPATIBLE_VERSION
    assert error.msg.endswith(f"config version does not allow {verb}")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(lambda node: node.pod("[null]"), "expected an object, got null", id="null-element"),
        pytest.param(lambda node: node.pod(default="[]"), "expected exactly one network, got 0", id="default-empty"),
        pytest.param(lambda node: node.pod(default="[null]"), "expected an object, got null", id="default-null"),
        pytest.param(
            lambda node: node.network("a", args=["x"]), "Expected `object`, got `array` - at `$.args`", id="args"
        ),
        pytest.param(lambda node: node.network("a", args={"cni": 5}), "got `int` - at `$.args.cni`", id="args-cni"),
        pytest.param(
            lambda node: node.network("a", capabilities={"ips": "yes"}), "Expected `bool`, got `str`", id="capability"
        ),
        pytest.param(lambda node: node.network("a", '{"plugins": []}'), "'plugins' is empty", id="no-plugins"),
    ],
)
async def test_input_that_no_pod_should_have_is_told_in_words(spoil: Any, words: str) -> None:
    """S32."""
    node = Node()
    node.networks("a")
    spoil(node)
    error = await node.refused("ADD")
    assert words in error.msg
    assert error.code == Code.INVALID_CONFIG
    assert node.plugins.made() == []


def _everywhere(node: Node) -> dict[str, Any]:
    """Keys with a secret in the runtime's configuration; one in the definition and one in the annotation too."""
    node.network("a", password=SECRET, ipam={"token": SECRET})
    node.pod([{"name": "a", "cni-args": {"password": SECRET}}])
    return {"kubeconfig": SECRET, "password": SECRET, "delegates": [{"type": "x", "name": "x", "token": SECRET}]}


SPOILERS = {
    "plugin": lambda node: node.plugins.fail("ADD", "net1"),
    "plugin-and-undo": lambda node: (node.plugins.fail("ADD", "net1"), node.plugins.fail("DEL")),
    "answer-no-json": lambda node: node.plugins.answers.update(a=lambda _: b"{"),
    "answer-wrong-type": lambda node: node.plugins.answers.update(a=lambda _: {"ips": 5}),
    "answer-version": lambda node: node.plugins.answers.update(a=lambda _: {"cniVersion": "7.0.0"}),
    "definition-torn": lambda node: node.network("a", f'{{"type": "a", "password": "{SECRET}"'),
    "definition-type": lambda node: node.network("a", args=SECRET),
    "definition-capabilities": lambda node: node.network("a", capabilities={"x": SECRET}),
    "definition-version": lambda node: node.network("a", cniVersion="9.9.9", password=SECRET),
    "definition-is-text": lambda node: node.network("a", json.dumps(SECRET)),
    "cluster": lambda node: setattr(node.cluster, "error", ClusterError("no route")),
    "status": lambda node: setattr(node.cluster, "write_error", ClusterError("no route")),
    "cache": lambda node: setattr(node.results, "store_error", AttachmentError("disk full", code=5)),
    "interface": lambda node: node.kernel.taken.add("net1"),
    "netconf": lambda node: node.netconf.update(systemNamespaces=SECRET),
    "runtime-config": lambda node: node.netconf.update(runtimeConfig=[SECRET]),
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
async def test_no_error_event_or_note_has_a_configuration(spoil: Any) -> None:
    """S46: neither whole nor in part, whoever failed."""
    node = Node()
    keys = _everywhere(node)
    spoil(node)
    error = await node.refused("ADD", keys)
    notes = getattr(error, "__notes__", [])
    said = [error.msg, error.details, encode_error(error).decode(), *notes, *(text for *_, text in node.cluster.told())]
    assert not [text for text in said if SECRET in text]
