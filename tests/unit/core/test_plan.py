"""The plan: interface names, order, arguments (F20 to F23, F29 to F37, S34, S36)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.args import Pairs
from plurimus.cni.errors import RequestError
from plurimus.core import plan
from plurimus.core.delegate import Delegate
from plurimus.core.devices import Allocation
from plurimus.core.plan import PodReference
from plurimus.model.pod import Pod

from .builders import CONTAINER, NETNS, POD, default_delegate, delegate, environment, make, node, only

POD_ARGS = (
    ("IgnoreUnknown", "true"),
    ("K8S_POD_NAMESPACE", "pod-ns"),
    ("K8S_POD_NAME", "pod"),
    ("K8S_POD_INFRA_CONTAINER_ID", CONTAINER),
    ("K8S_POD_UID", "uid-1"),
)


def names(*delegates: Delegate) -> list[str]:
    return [attachment.ifname for attachment in make(*delegates).attachments]


@pytest.mark.parametrize(
    ("delegates", "expected"),
    [
        pytest.param([], ["eth0"], id="default-network-alone"),
        pytest.param([delegate("a"), delegate("b")], ["eth0", "net1", "net2"], id="numbered-by-position"),
        pytest.param(
            [delegate("a", wants={"interface": "foo"}), delegate("b", wants={})],
            ["eth0", "foo", "net2"],
            id="F36-a-name-uses-its-index-up",
        ),
        pytest.param(
            [delegate("d1"), delegate("d2"), delegate("a", wants={})],
            ["eth0", "net1", "net2", "net3"],
            id="F17-default-networks-count",
        ),
        pytest.param(
            [delegate("a", wants={}), delegate("vendor", display_name="vendor")],
            ["eth0", "net1", "net2"],
            id="F23-auxiliary-chain-is-last-and-numbered",
        ),
        pytest.param(
            [delegate("a", wants={"interface": "net3"}), delegate("a", wants={})],
            ["eth0", "net3", "net2"],
            id="F87-one-network-twice",
        ),
    ],
)
def test_interface_names(delegates: list[Delegate], expected: list[str]) -> None:
    """Spec section 3.2."""
    assert names(*delegates) == expected


def test_the_auxiliary_chain_keeps_its_number_whatever_the_pod_names() -> None:
    """F23: its index is the number of delegates before it, named ones too."""
    chosen = [delegate("a", wants={"interface": "foo"}), delegate("b", wants={"interface": "bar"}), delegate("vendor")]
    assert names(*chosen)[-1] == "net3"


@pytest.mark.parametrize(("wants", "expected"), [(None, "if0"), ({}, "if0"), ({"interface": "lan"}, "lan")])
def test_the_runtime_names_the_default_interface_unless_the_pod_does(wants: dict | None, expected: str) -> None:
    """Spec sections 3.2 and 3.3."""
    made = plan.make(environment(ifname="if0"), node(), POD, [default_delegate(wants=wants)], Allocation())
    assert made.attachments[0].ifname == expected


@pytest.mark.parametrize(
    "delegates",
    [
        pytest.param([delegate("a", wants={"interface": "eth0"})], id="of-the-default-network"),
        pytest.param([delegate("a", wants={"interface": "x"}), delegate("b", wants={"interface": "x"})], id="same"),
        pytest.param([delegate("a", wants={"interface": "net2"}), delegate("b", wants={})], id="of-a-number"),
    ],
)
def test_one_name_for_two_attachments_is_refused(delegates: list[Delegate]) -> None:
    """S34, F37: before anything runs, naming both."""
    with pytest.raises(RequestError, match="both get the interface name") as caught:
        make(*delegates)
    assert f"'{delegates[-1].display_name}'" in caught.value.msg


def test_the_plan_is_in_the_order_of_the_delegates() -> None:
    made = make(delegate("b"), delegate("a"))
    assert [attachment.display_name for attachment in made.attachments] == ["cbr0", "pod-ns/b", "pod-ns/a"]
    assert [attachment.is_default for attachment in made.attachments] == [True, False, False]


def test_the_plan_says_which_sandbox_it_is_for() -> None:
    made = make()
    assert (made.container_id, made.netns, made.pod) == (CONTAINER, NETNS, PodReference("pod-ns", "pod", "uid-1"))


@pytest.mark.parametrize(
    ("args", "pod", "expected"),
    [
        pytest.param((), POD, PodReference("pod-ns", "pod", "uid-1"), id="from-the-cluster"),
        pytest.param(
            (("K8S_POD_UID", "runtime"),), Pod("pod-ns", "pod", "mirror"), PodReference("pod-ns", "pod", "runtime"),
            id="F58-the-runtimes-uid-for-a-static-pod",
        ),
        pytest.param(
            (("K8S_POD_NAMESPACE", "n"), ("K8S_POD_NAME", "p")), None, PodReference("n", "p"), id="F59-no-cluster"
        ),
        pytest.param((), None, PodReference(), id="F59-nothing-known"),
    ],
)  # fmt: skip
def test_whose_pod_it_is(args: Pairs, pod: Pod | None, expected: PodReference) -> None:
    assert make(args=args, pod=pod).pod == expected


def test_cni_args_begin_with_the_pod_in_a_fixed_order() -> None:
    """Spec section 4.7."""
    assert make(args=()).attachments[0].args == POD_ARGS


def test_other_pairs_of_the_runtime_follow_once() -> None:
    """S36."""
    sent = (("IgnoreUnknown", "1"), ("X", "1"), ("K8S_POD_NAME", "pod"), ("X", "2"), ("Y", ""))
    assert make(delegate("a"), args=sent).attachments[1].args == (*POD_ARGS, ("X", "1"), ("Y", ""))


def test_a_pair_of_the_runtime_fills_an_empty_one() -> None:
    """Spec section 4.7."""
    made = make(args=(("K8S_POD_UID", "late"),), pod=Pod("pod-ns", "pod"))
    assert dict(made.attachments[0].args)["K8S_POD_UID"] == "late"


@pytest.mark.parametrize(
    ("wants", "expected"),
    [
        pytest.param({"mac": "02:00:00:00:00:01"}, (("MAC", "02:00:00:00:00:01"),), id="F30-mac"),
        pytest.param({"ips": ["10.0.0.2/24"]}, (("IP", "10.0.0.2/24"),), id="F29-one-address"),
        pytest.param({"ips": ["10.0.0.2", "fd00::2"]}, (("IP", "10.0.0.2,fd00::2"),), id="F29-comma-list"),
        pytest.param(
            {"ips": ["10.0.0.2"], "mac": "02:00:00:00:00:01"},
            (("MAC", "02:00:00:00:00:01"), ("IP", "10.0.0.2")),
            id="mac-first",
        ),
        pytest.param({"infiniband-guid": "c2:11:22:33:44:55:66:77"}, (), id="F31-guid-does-not-travel-here"),
        pytest.param({}, (), id="nothing-asked"),
    ],
)
def test_what_the_pod_asks_for_ends_cni_args(wants: dict, expected: Pairs) -> None:
    assert only(delegate("a", wants=wants)).args == (*POD_ARGS, *expected)


def test_the_default_network_by_annotation_gets_them_too() -> None:
    """F39."""
    chosen = default_delegate(wants={"mac": "02:00:00:00:00:01"})
    made = plan.make(environment(), node(), POD, [chosen], Allocation())
    assert made.attachments[0].args[-1] == ("MAC", "02:00:00:00:00:01")


def test_what_the_pod_asks_for_wins_over_the_runtime() -> None:
    """F29, F30: plugins take the last of several pairs, so the pod's own must be the one left (S36)."""
    sent = (("MAC", "02:00:00:00:00:99"), ("IP", "10.0.0.99"))
    asked = {"mac": "02:00:00:00:00:01", "ips": ["10.0.0.1"]}
    pairs = only(delegate("a", wants=asked), args=sent).args
    assert [pair for pair in pairs if pair[0] in ("MAC", "IP")] == [("MAC", "02:00:00:00:00:01"), ("IP", "10.0.0.1")]


def test_cni_args_of_the_annotation_reach_every_plugin() -> None:
    """F34."""
    attachment = only(delegate("a", wants={"cni-args": {"x": 1}}))
    assert [plugin["args"] for plugin in attachment.config.plugins] == [{"cni": {"x": 1}}]


@pytest.mark.parametrize(("written", "expected"), [(None, None), ([], ()), (["10.0.0.1"], ("10.0.0.1",))])
def test_default_route_is_passed_on(written: list[str] | None, expected: tuple[str, ...] | None) -> None:
    """F38: absent and empty stay apart."""
    assert only(delegate("a", wants={"default-route": written})).default_route == expected


interfaces = st.sampled_from(["", "eth0", "net1", "net2", "net3", "x", "y"])
selections = st.lists(st.none() | interfaces.map(lambda name: {"interface": name}), max_size=5)


@given(selections)
def test_names_are_unique_and_order_is_kept(drawn: list[dict | None]) -> None:
    """S34."""
    delegates = [delegate(f"n{index}", wants=wants) for index, wants in enumerate(drawn)]
    explicit = [(wants or {}).get("interface", "") for wants in drawn]
    expected = ["eth0", *(name or f"net{index}" for index, name in enumerate(explicit, start=1))]
    try:
        made = make(*delegates)
    except RequestError:
        assert len(set(expected)) < len(expected)
        return
    assert [attachment.ifname for attachment in made.attachments] == expected
    assert len(set(expected)) == len(expected)
    assert [a.display_name for a in made.attachments[1:]] == [chosen.display_name for chosen in delegates]
