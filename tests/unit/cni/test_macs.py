"""Hardware addresses as Go reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import macs


@given(st.sampled_from([6, 8, 20]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_each_spelling_has_the_same_octets(octets: bytes) -> None:
    for text in (octets.hex(":"), octets.hex("-").upper(), octets.hex(".", 2)):
        assert macs.packed(text) == octets


@pytest.mark.parametrize(
    "text",
    ["", "zz", "02:00", "02:00:00:00:00", "02:00-00:00:00:01", "2:0:0:0:0:1", "020000000001", "0200.0000",
     "02:00:00:00:00:01 "],
)  # fmt: skip
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is none; expected six octets"):
        macs.packed(text)
