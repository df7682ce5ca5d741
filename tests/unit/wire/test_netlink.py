"""Framing, attributes, errors and whole answers of netlink."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire import netlink as wire
from plurimus.wire.netlink import Answer, Message, Refusal, WireError

DATA, MULTI, DONE_OK = 16, wire.NLM_F_MULTI, bytes(4)

parts = st.builds(
    Message,
    kind=st.integers(16, 0xFFFF),
    flags=st.integers(0, 0xFFFF),
    sequence=st.integers(0, 0xFFFFFFFF),
    payload=st.binary(max_size=40),
)


def framed(message: Message) -> bytes:
    """The message as it stands in a datagram: padded to 4."""
    data = wire.frame(message.kind, message.flags, message.sequence, message.payload)
    return data + bytes(-len(data) % 4)


def error(code: int, *, text: str = "", capped: bool = True, request: bytes = b"") -> Message:
    """An error message of the kernel about `request`."""
    echoed = wire.frame(26, 5, 7, request)
    body = struct.pack("=i", code) + (echoed[:16] if capped else echoed + bytes(-len(echoed) % 4))
    flags = 0x100 if capped else 0
    if text:
        flags |= 0x200
        body += wire.attribute(1, text.encode() + b"\0")
    return Message(wire.NLMSG_ERROR, flags, 7, body)


@given(st.lists(parts, max_size=6))
def test_messages_of_a_datagram_are_those_that_were_put_in(sent: list[Message]) -> None:
    assert list(wire.messages(b"".join(map(framed, sent)))) == sent


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=20), max_size=6))
def test_attributes_come_back_as_they_were(sent: dict[int, bytes]) -> None:
    assert wire.attributes(b"".join(wire.attribute(kind, value) for kind, value in sent.items())) == sent


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=20), max_size=6), st.data())
def test_some_attributes_are_the_wanted_ones_among_all(sent: dict[int, bytes], data: st.DataObject) -> None:
    wanted = data.draw(st.sets(st.sampled_from([*sent, 0x3FFF, 1])))
    coded = b"".join(wire.attribute(kind, value) for kind, value in sent.items())
    assert wire.some_attributes(coded, wanted) == {kind: sent[kind] for kind in wanted & sent.keys()}


def test_the_nested_mark_is_not_part_of_an_attributes_kind() -> None:
    assert wire.attributes(wire.attribute(0x8000 | 18, b"x")) == {18: b"x"}
    assert wire.some_attributes(wire.attribute(0x8000 | 18, b"x"), {18}) == {18: b"x"}


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("=IHHII", 15, 16, 0, 1, 0),  # shorter than its header
        struct.pack("=IHHII", 20, 16, 0, 1, 0),  # longer than the datagram
        wire.frame(16, 0, 1, b"") + bytes(3),  # a cut header
    ],
)
def test_impossible_messages_are_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        list(wire.messages(data))


@pytest.mark.parametrize("length", [0, 3, 9])
def test_impossible_attributes_are_refused(length: int) -> None:
    with pytest.raises(WireError):
        wire.attributes(struct.pack("=HH", length, 1) + bytes(4))
    with pytest.raises(WireError):
        wire.some_attributes(struct.pack("=HH", length, 1) + bytes(4), {1})


@given(st.binary(max_size=120), st.booleans())
def test_no_datagram_raises_anything_but_wire_error(data: bytes, acknowledged: bool) -> None:
    try:
        Answer(1, acknowledged=acknowledged).feed(data)
        wire.attributes(data)
        wire.outcomes(data)
    except WireError:
        return


@given(st.sampled_from([wire.NLMSG_ERROR, wire.NLMSG_DONE]), st.integers(0, 0xFFFF), st.binary(max_size=80))
def test_no_error_message_raises_anything_but_wire_error(kind: int, flags: int, payload: bytes) -> None:
    try:
        assert 0 <= wire.refusal(Message(kind, flags, 1, payload)).errno <= 4095
    except WireError:
        return


@given(
    code=st.integers(0, 4095),
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
    capped=st.booleans(),
    request=st.binary(max_size=30),
)
def test_a_refusal_has_the_kernels_number_and_words(code: int, text: str, capped: bool, request: bytes) -> None:
    assert wire.refusal(error(-code, text=text, capped=capped, request=request)) == Refusal(code, text)


@pytest.mark.parametrize("code", [1, -4096, 2**31 - 1, -(2**31)])
def test_a_code_that_is_no_errno_is_malformed(code: int) -> None:
    with pytest.raises(WireError):
        wire.refusal(error(code))


@given(st.lists(st.binary(max_size=12), max_size=8), st.data())
def test_a_dump_is_the_same_however_its_messages_share_datagrams(payloads: list[bytes], data: st.DataObject) -> None:
    frames = [framed(Message(DATA, MULTI, 5, payload)) for payload in payloads]
    frames.append(framed(Message(wire.NLMSG_DONE, MULTI, 5, DONE_OK)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(frames)))) | {0, len(frames)})
    answer = Answer(5, acknowledged=True)
    whole = [answer.feed(b"".join(frames[a:b])) for a, b in itertools.pairwise(cuts)]
    assert [message.payload for message in answer.messages] == payloads
    assert whole == [False] * (len(whole) - 1) + [True]
    assert (answer.refusal, answer.interrupted) == (None, False)


@given(st.lists(parts.filter(lambda message: message.sequence != 5), max_size=5))
def test_answers_to_other_requests_are_passed_over(others: list[Message]) -> None:
    answer = Answer(5, acknowledged=True)
    assert not answer.feed(b"".join(map(framed, [*others, error(-17)])))  # its sequence is 7
    assert answer.feed(framed(Message(wire.NLMSG_DONE, MULTI, 5, DONE_OK)))
    assert (answer.messages, answer.refusal) == ([], None)


def test_a_single_message_is_the_whole_answer_to_a_plain_request() -> None:
    assert Answer(5, acknowledged=False).feed(framed(Message(DATA, 0, 5, b"abcd")))
    assert not Answer(5, acknowledged=True).feed(framed(Message(DATA, 0, 5, b"abcd")))


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_dump_is_interrupted_if_any_of_its_messages_says_so(where: int) -> None:
    kinds = [DATA, DATA, wire.NLMSG_DONE]
    answer = Answer(5, acknowledged=True)
    for index, kind in enumerate(kinds):
        flags = MULTI | (wire.NLM_F_DUMP_INTR if index == where else 0)
        answer.feed(framed(Message(kind, flags, 5, DONE_OK)))
    assert (answer.whole, answer.interrupted) == (True, True)


outcomes = st.builds(
    error,
    st.integers(-4095, 0),
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
    capped=st.booleans(),
    request=st.binary(max_size=9),
)


@given(st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), outcomes | parts), max_size=5))
def test_what_became_of_requests_is_what_the_error_messages_of_a_datagram_say(sent: list[tuple[int, Message]]) -> None:
    numbered = [message._replace(sequence=sequence) for sequence, message in sent]
    ends = [(each.sequence, wire.refusal(each)) for each in numbered if each.kind == wire.NLMSG_ERROR]
    assert wire.outcomes(b"".join(map(framed, numbered))) == [
        (sequence, refused if refused.errno else None) for sequence, refused in ends
    ]


def test_an_acknowledgement_alone_is_the_outcome_of_its_request() -> None:
    assert wire.outcomes(framed(error(0))) == [(7, None)]
    assert wire.outcomes(framed(error(-17))) == [(7, Refusal(17, ""))]


def test_an_error_ends_an_answer_and_an_acknowledgement_is_no_error() -> None:
    refused, acknowledged = Answer(7, acknowledged=True), Answer(7, acknowledged=True)
    assert refused.feed(framed(error(-17, text="Route exists")))
    assert acknowledged.feed(framed(error(0)))
    assert (refused.refusal, acknowledged.refusal) == (Refusal(17, "Route exists"), None)


def test_a_dump_can_fail_in_its_last_message() -> None:
    body = struct.pack("=i", -22) + wire.attribute(1, b"Invalid table\0")
    answer = Answer(5, acknowledged=True)
    answer.feed(framed(Message(wire.NLMSG_DONE, MULTI | 0x200, 5, body)))
    assert answer.refusal == Refusal(22, "Invalid table")


def test_requests_are_counted_for_ever_in_as_many_bits_as_a_message_has_for_it() -> None:
    """A socket that is kept makes some hundred requests for each pod."""
    assert [*itertools.islice(wire.sequences(), 3)] == [1, 2, 3]
    late = [*itertools.islice(wire.sequences(2**32 - 2), 4)]
    assert late == [2**32 - 2, 2**32 - 1, 0, 1]
    assert [message.sequence for at in late for message in wire.messages(wire.frame(DATA, 0, at, b""))] == late
