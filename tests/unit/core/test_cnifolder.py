"""Which file of a node's CNI folder is the default network's, which are ours, and who else is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import ConfigError
from plurimus.core import cnifolder

FILES = ["00-multus.conf", "00-plurimus.conflist", "00-plurimus.conf", "05-a.conflist", "10-b.conf", "20-c.json"]
NAMES = st.lists(st.sampled_from([*FILES, "30-d.conflist", "40-e.conf.bak", "README"]), unique=True)


def test_the_first_file_in_name_order_that_is_not_ours_is_the_default_networks() -> None:
    """F65: *.conf and *.conflist count."""
    names = ["20-b.conf", "10-a.conflist", "00-multus.conf", "00-plurimus.conflist", "05-c.json", "01-d.conf.bak"]
    assert cnifolder.choose(names) == "10-a.conflist"


@given(NAMES, st.sampled_from(["", "05-a.conflist", "30-d.conflist"]))
def test_a_file_that_delegates_is_never_chosen_nor_one_that_follows_the_missing_one(
    names: list[str], current: str
) -> None:
    """S35, S4."""
    try:
        chosen = cnifolder.choose(names, current=current)
    except ConfigError:
        return
    assert chosen in names
    assert not cnifolder.is_own(chosen)
    assert current in ("", *names) or chosen < current


def test_a_configured_file_is_taken_whatever_else_is_there() -> None:
    """F67: whether it is there yet is for the reader of the file to see."""
    assert cnifolder.choose(["10-a.conflist"], configured="50-mine.conf") == "50-mine.conf"


@pytest.mark.parametrize("configured", ["00-multus.conf", "00-plurimus.conflist", "below/00-multus.conflist"])
def test_a_configured_file_must_not_be_ours(configured: str) -> None:
    """F67, S35."""
    with pytest.raises(ConfigError, match="multusMasterCNI names"):
        cnifolder.choose([], configured=configured)


def test_an_empty_folder_has_no_default_network_yet() -> None:
    """F65."""
    with pytest.raises(ConfigError, match="no default network yet"):
        cnifolder.choose(["00-multus.conf", "README"])


def test_what_follows_a_missing_file_does_not_take_its_place() -> None:
    """S4, F70: it may be any program's, and the owner of the missing one may be replacing it."""
    with pytest.raises(ConfigError) as caught:
        cnifolder.choose(["87-podman.conflist"], current="10-calico.conflist")
    assert "10-calico.conflist, the default network's configuration, is missing" in caught.value.msg
    assert "87-podman.conflist is not taken instead" in caught.value.msg


def test_what_comes_before_takes_its_place() -> None:
    """F70: as a runtime would go by it."""
    assert cnifolder.choose(["05-cilium.conflist", "10-flannel.conflist"], current="10-flannel.conflist") == (
        "05-cilium.conflist"
    )
    assert cnifolder.choose(["05-cilium.conflist"], current="10-flannel.conflist") == "05-cilium.conflist"


@pytest.mark.parametrize(
    ("names", "types", "owner"),
    [
        (["05-cilium.conflist", "00-plurimus.conflist.cilium_bak"], ("cilium-cni",), "Cilium in exclusive mode"),
        (["05-cilium.conflist"], ("cilium-cni",), "Cilium"),
        (["10-calico.conflist"], ("calico", "portmap"), "Calico"),
        (["10-flannel.conflist"], ("flannel", "portmap"), "Flannel"),
        (["10-ovn-kubernetes.conf"], ("ovn-k8s-cni-overlay",), "OVN-Kubernetes"),
        (["01-kube-ovn.conflist"], ("kube-ovn",), "kube-ovn"),
        (["10-x.conf"], ("bridge",), "the program that installs the plugin 'bridge'"),
        ([], (), "an unknown program"),
    ],
)
def test_the_owner_of_a_folder_is_named_by_its_files(names: list[str], types: tuple[str, ...], owner: str) -> None:
    """Spec section 7.6."""
    assert cnifolder.owner(names, types).startswith(owner)
