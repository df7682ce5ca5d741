"""Under which names masquerading rules are; the plugins find them by these."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plurimus.drivers.masquerade.names import Owner, attachment_mark, network_mark

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


def test_the_chain_is_the_plugins() -> None:
    """Plugins spec, section 1.6."""
    assert Owner("net1", "cid1", "eth0").chain == "CNI-e8f6f419596f7f47b3468487"
    assert Owner("net1", "cid1", "net2").chain == "CNI-e8f6f419596f7f47b3468487"


def test_the_comments_are_the_plugins() -> None:
    """Plugins spec, section 1.6."""
    owner = Owner("net1", "cid1", "eth0")
    assert owner.comment == "8e48f37d5de60467-0b65a318f52e521b, net: net1, if: eth0, id: cid1"
    assert owner.chain_comment == 'name: "net1" id: "cid1"'


@given(NAMES, NAMES, NAMES)
def test_a_comment_says_whose_it_is_in_few_bytes_without_quotes(network: str, container: str, ifname: str) -> None:
    owner = Owner(network, container, ifname)
    assert len(owner.comment.encode()) <= 128
    assert '"' not in owner.comment
    assert owner.comment.partition(",")[0] == network_mark(network) + attachment_mark(container, ifname) == owner.mark
    assert len(owner.chain) == 28
