"""Reading records others wrote, or nobody could have written (F13, S6, S32)."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core import record
from plurimus.core.plan import Plan, PodReference

from .builders import CONTAINER, RUNTIME_ARGS, delegate, make

FLANNEL = {"name": "cbr0", "cniVersion": "0.3.1", "plugins": [{"type": "flannel"}, {"type": "portmap"}]}
MACVLAN = {"cniVersion": "0.3.1", "name": "macvlan-conf", "type": "macvlan", "master": "eth0"}


def as_bytes(document: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def scratch_file() -> list[dict[str, Any]]:
    """What Multus leaves for a default network that is a list, and a single configuration beside it (section 6.4)."""
    return [
        {
            "Conf": {"ipam": {}, "dns": {}},
            "ConfList": {"cniVersion": "0.3.1", "name": "cbr0", "plugins": [
                {"type": "flannel", "ipam": {}, "dns": {}}, {"type": "portmap", "ipam": {}, "dns": {}}]},
            "Name": "cbr0",
            "IsFilterV4Gateway": False,
            "IsFilterV6Gateway": False,
            "Bytes": as_bytes(FLANNEL),
        },
        {
            "Conf": {"cniVersion": "0.3.1", "name": "macvlan-conf", "type": "macvlan", "ipam": {}, "dns": {}},
            "ConfList": {},
            "Name": "default/macvlan-conf",
            "macRequest": "02:00:00:00:00:01",
            "infinibandGUIDRequest": "c2:11:22:33:44:55:66:77",
            "ipRequest": ["10.0.0.2/24"],
            "default-route": ["10.0.0.1"],
            "IsFilterV4Gateway": True,
            "IsFilterV6Gateway": False,
            "deviceID": "v1",
            "resourceName": "example.com/vf",
            "Bytes": as_bytes(MACVLAN),
        },
    ]  # fmt: skip


def decode(elements: object, **request: Any) -> Plan:
    return record.decode(json.dumps(elements).encode(), container_id=CONTAINER, **request)


def test_a_scratch_file_of_multus_is_read() -> None:
    """F13: which configuration runs on which interface under which name; the first is the default network."""
    plan = decode(scratch_file())
    assert [(a.ifname, a.display_name, a.is_default, a.config.types) for a in plan.attachments] == [
        ("eth0", "cbr0", True, ("flannel", "portmap")),
        ("net1", "default/macvlan-conf", False, ("macvlan",)),
    ]


def test_bytes_are_the_configuration() -> None:
    """The other keys keep only a summary of it."""
    plugin = decode(scratch_file()).attachments[1].config.plugins[0]
    assert plugin["master"] == "eth0"


def test_what_was_requested_is_read_from_a_scratch_file() -> None:
    """F13."""
    attachment = decode(scratch_file()).attachments[1]
    assert attachment.capability_args == {
        "mac": "02:00:00:00:00:01",
        "infinibandGUID": "c2:11:22:33:44:55:66:77",
        "ips": ["10.0.0.2/24"],
        "deviceID": "v1",
    }
    assert (attachment.default_route, attachment.device_id) == (("10.0.0.1",), "v1")


def test_what_a_scratch_file_lacks_comes_from_the_request() -> None:
    """F13: the runtime says CNI_IFNAME and CNI_ARGS again on DEL."""
    plan = decode(scratch_file(), ifname="if0", args=RUNTIME_ARGS)
    assert plan.pod == PodReference("pod-ns", "pod", "uid-1")
    assert [(a.ifname, a.args) for a in plan.attachments] == [("if0", RUNTIME_ARGS), ("net1", RUNTIME_ARGS)]


def test_a_requested_name_wins_in_a_scratch_file() -> None:
    """F36: for the default network too, which an annotation may have renamed."""
    elements = scratch_file()
    elements[0]["ifnameRequest"], elements[1]["ifnameRequest"] = "lan", "dmz"
    assert [attachment.ifname for attachment in decode(elements).attachments] == ["lan", "dmz"]


def test_keys_of_a_scratch_file_ignore_case() -> None:
    elements = [{key.lower(): value for key, value in element.items()} for element in scratch_file()]
    assert decode(elements) == decode(scratch_file())


def test_null_is_absent_in_a_scratch_file() -> None:
    elements = scratch_file()
    optional = ("ifnameRequest", "macRequest", "infinibandGUIDRequest", "ipRequest", "default-route", "deviceID")
    elements[1] |= dict.fromkeys(optional)
    attachment = decode(elements).attachments[1]
    assert (attachment.ifname, attachment.default_route, dict(attachment.capability_args)) == ("net1", None, {})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="S6-empty"),
        pytest.param(b"[", id="S6-torn"),
        pytest.param(b"\0" * 64, id="S6-zeros-after-a-crash"),
        pytest.param(b"\xff\xfe", id="no-utf-8"),
        pytest.param(b"[]", id="S32-empty-list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="object"),
        pytest.param(b"[null]", id="null-element"),
        pytest.param(b"[[]]", id="list-element"),
        pytest.param(b"[{}]", id="empty-element"),
    ],
)
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        record.decode(content, container_id=CONTAINER)


@pytest.mark.parametrize("size", range(0, 400, 7))
def test_a_torn_record_is_refused(size: int) -> None:
    """S6."""
    with pytest.raises(ValueError, match=r"\w"):
        record.decode(record.encode(make(delegate()))[:size], container_id=CONTAINER)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("Bytes", None, id="no-bytes"),
        pytest.param("Bytes", 5, id="bytes-number"),
        pytest.param("Bytes", "%%%", id="bytes-no-base64"),
        pytest.param("Bytes", as_bytes({}), id="bytes-no-configuration"),
        pytest.param("Bytes", as_bytes({**MACVLAN, "cniVersion": "9.9.9"}), id="bytes-of-an-unknown-version"),
        pytest.param("Bytes", as_bytes({**FLANNEL, "plugins": []}), id="bytes-without-plugins"),
        pytest.param("Name", 5, id="name"),
        pytest.param("ifnameRequest", ["eth0"], id="ifname"),
        pytest.param("macRequest", 5, id="mac"),
        pytest.param("infinibandGUIDRequest", 5, id="guid"),
        pytest.param("ipRequest", "10.0.0.1", id="ips"),
        pytest.param("ipRequest", [5], id="ips-element"),
        pytest.param("default-route", "10.0.0.1", id="default-route"),
        pytest.param("default-route", [None], id="default-route-element"),
        pytest.param("deviceID", 5, id="device"),
        pytest.param("resourceName", {}, id="resource"),
        pytest.param("plurimus", [], id="plurimus"),
        pytest.param("plurimus", {}, id="plurimus-empty"),
    ],
)
def test_a_malformed_scratch_file_is_refused(key: str, value: object) -> None:
    elements = scratch_file()
    elements[1][key] = value
    with pytest.raises(ValueError, match=r"\w"):
        decode(elements)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("format", None, id="no-format"),
        pytest.param("format", "1", id="format-string"),
        pytest.param("ifname", None, id="no-ifname"),
        pytest.param("ifname", 5, id="ifname"),
        pytest.param("netns", 5, id="netns"),
        pytest.param("pod", [], id="pod"),
        pytest.param("pod", {"namespace": 5, "name": "", "uid": ""}, id="pod-namespace"),
        pytest.param("args", "ab", id="args-string"),
        pytest.param("args", ["ab"], id="args-pair-as-string"),
        pytest.param("args", [["a"]], id="args-half-a-pair"),
        pytest.param("args", [["a", 1]], id="args-number"),
        pytest.param("capabilityArgs", [], id="capability-args"),
        pytest.param("isDefault", "yes", id="is-default"),
    ],
)
@pytest.mark.parametrize("position", [0, 1])
def test_a_malformed_record_is_refused(key: str, value: object, position: int) -> None:
    """A DEL that fails half way through such a record would be worse than one that says at once it cannot read it."""
    elements = copy.deepcopy(json.loads(record.encode(make(delegate()))))
    elements[position]["plurimus"][key] = value
    with pytest.raises(ValueError, match=r"\w"):
        decode(elements)


def test_a_record_of_a_later_format_is_refused() -> None:
    """Whatever shape the later format has."""
    elements = json.loads(record.encode(make()))
    elements[0]["plurimus"] = {"format": record.FORMAT + 1, "pod": "somewhere else", "ifname": 5}
    with pytest.raises(ValueError, match=f"format {record.FORMAT + 1}"):
        decode(elements)


@given(st.binary())
def test_any_bytes_are_read_or_a_value_error(content: bytes) -> None:
    try:
        plan = record.decode(content, container_id=CONTAINER)
    except ValueError:
        return
    assert plan.attachments


RECORD = record.encode(make(delegate()))
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(leaves, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=3), v, max_size=2))


@given(st.sampled_from(sorted(json.loads(RECORD)[1])), values)
def test_any_value_of_a_key_is_read_or_a_value_error(key: str, value: object) -> None:
    elements = json.loads(RECORD)
    elements[1][key] = value
    try:
        plan = decode(elements)
    except ValueError:
        return
    assert all(isinstance(attachment.ifname, str) for attachment in plan.attachments)


@given(st.integers(0, len(RECORD) - 1), st.integers(0, 255))
def test_a_record_with_a_byte_flipped_is_read_or_a_value_error(position: int, byte: int) -> None:
    content = bytearray(RECORD)
    content[position] = byte
    try:
        plan = record.decode(bytes(content), container_id=CONTAINER)
    except ValueError:
        return
    assert len(plan.attachments) == 2
