"""The CNI_* variables of a request, verb by verb: what each needs, what is refused, what is not looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.args import VERBS, Environment, check_ifname, is_network_name, parse_environment
from plurimus.cni.errors import RequestError

from .strategies import attempt

FULL = {
    "CNI_CONTAINERID": "cid1",
    "CNI_NETNS": "/run/netns/pod",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAME=pod",
    "CNI_PATH": "/opt/cni/bin:/usr/lib/cni",
    "CNI_NETNS_OVERRIDE": "true",
}
NEEDED_BY = {
    "CNI_CONTAINERID": ("ADD", "CHECK", "DEL"),
    "CNI_NETNS": ("ADD", "CHECK"),
    "CNI_IFNAME": ("ADD", "CHECK", "DEL"),
    "CNI_PATH": ("ADD", "CHECK", "DEL", "GC", "STATUS"),
    "CNI_ARGS": (),
    "CNI_NETNS_OVERRIDE": (),
}
NEEDED = [(verb, name) for name, verbs in NEEDED_BY.items() for verb in verbs]
NOT_NEEDED = [(verb, name) for name, verbs in NEEDED_BY.items() for verb in VERBS if verb not in verbs]
OF_A_SANDBOX = ("ADD", "CHECK", "DEL")
OF_THE_NODE = ("GC", "STATUS", "VERSION")


def refused(env: dict[str, str]) -> str:
    """The message of the error that refuses `env`."""
    with pytest.raises(RequestError) as caught:
        parse_environment(env)
    assert caught.value.code == 4
    return caught.value.msg


@pytest.mark.parametrize("verb", OF_A_SANDBOX)
def test_what_concerns_a_sandbox_is_read(verb: str) -> None:
    """Spec section 1.2."""
    assert parse_environment({"CNI_COMMAND": verb, **FULL, "PATH": "/bin"}) == Environment(
        verb,
        "cid1",
        "/run/netns/pod",
        "eth0",
        (("IgnoreUnknown", "1"), ("K8S_POD_NAME", "pod")),
        ("/opt/cni/bin", "/usr/lib/cni"),
        netns_override=True,
    )


@pytest.mark.parametrize("verb", OF_THE_NODE)
def test_what_concerns_the_node_has_no_sandbox(verb: str) -> None:
    """Spec section 1.2."""
    assert parse_environment({"CNI_COMMAND": verb, **FULL}) == Environment(verb, path=("/opt/cni/bin", "/usr/lib/cni"))


@pytest.mark.parametrize(("verb", "name"), NEEDED)
def test_a_variable_that_is_needed_is_missed_absent_or_empty(verb: str, name: str) -> None:
    """Spec section 1.2."""
    full = {"CNI_COMMAND": verb, **FULL}
    absent = {key: value for key, value in full.items() if key != name}
    assert refused(absent) == refused({**full, name: ""}) == f"required env variables [{name}] missing"


@pytest.mark.parametrize(("verb", "name"), NOT_NEEDED)
def test_a_variable_that_is_not_needed_is_not_missed(verb: str, name: str) -> None:
    """Spec section 1.2."""
    full = {"CNI_COMMAND": verb, **FULL}
    assert parse_environment({key: value for key, value in full.items() if key != name}).verb == verb
    assert parse_environment({**full, name: ""}).verb == verb


@pytest.mark.parametrize(
    ("verb", "names"),
    [
        ("ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
        ("CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
        ("DEL", "CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"),
        ("GC", "CNI_PATH"),
        ("STATUS", "CNI_PATH"),
    ],
)
def test_all_missing_variables_are_named_in_one_message(verb: str, names: str) -> None:
    """Spec section 1.2."""
    assert refused({"CNI_COMMAND": verb}) == f"required env variables [{names}] missing"


def test_version_needs_nothing() -> None:
    """F6.  Spec section 1.2."""
    assert parse_environment({"CNI_COMMAND": "VERSION"}) == Environment("VERSION")


@pytest.mark.parametrize("env", [{}, {"CNI_COMMAND": ""}, FULL])
def test_without_a_command_only_that_is_missed(env: dict[str, str]) -> None:
    """Spec section 1.2."""
    assert refused(env) == "required env variables [CNI_COMMAND] missing"


@pytest.mark.parametrize("verb", ["add", "ADD ", "DELETE", "ADD\0", "VERSIONS"])
def test_an_unknown_command_is_refused_and_named(verb: str) -> None:
    """Spec section 1.2."""
    assert refused({"CNI_COMMAND": verb, **FULL}) == f"unknown CNI_COMMAND: {verb!r}"


@pytest.mark.parametrize("verb", OF_A_SANDBOX)
@pytest.mark.parametrize(
    ("name", "value", "because"),
    [
        *[
            pytest.param("CNI_CONTAINERID", value, "invalid characters in containerID", id=f"container-{value!r}")
            for value in ("-a", ".a", "_a", "a/b", "../a", "a b", "a\n", "é", "a:b")
        ],
        pytest.param("CNI_IFNAME", "a" * 16, "is longer than 15 bytes", id="16-bytes"),
        pytest.param("CNI_IFNAME", "é" * 8, "is longer than 15 bytes", id="8-characters-of-16-bytes"),
        pytest.param("CNI_IFNAME", ".", "is . or ..", id="dot"),
        pytest.param("CNI_IFNAME", "..", "is . or ..", id="dots"),
        *[
            pytest.param("CNI_IFNAME", value, "contains / or : or white space", id=f"interface-{value!r}")
            for value in ("a/b", "a:b", "a b", "a\t", "a\n", "\u00a0a", "a\u2003b")
        ],
        *[
            pytest.param("CNI_IFNAME", value, "contains %, by which", id=f"interface-{value!r}")
            for value in ("net%d", "%", "a%b", "%%d")
        ],
        pytest.param("CNI_ARGS", "A", "ARGS: invalid pair number 1", id="args"),
    ],
)
def test_a_value_no_sandbox_can_have_is_refused(verb: str, name: str, value: str, because: str) -> None:
    """Spec section 1.2."""
    assert because in refused({"CNI_COMMAND": verb, **FULL, name: value})


@pytest.mark.parametrize("verb", VERBS)
def test_a_nul_character_is_refused(verb: str) -> None:
    assert refused({"CNI_COMMAND": verb, **FULL, "CNI_PATH": "/a\0"}) == "an environment variable has a NUL character"


@pytest.mark.parametrize("verb", OF_THE_NODE)
@pytest.mark.parametrize(("name", "value"), [("CNI_CONTAINERID", "../a"), ("CNI_IFNAME", "a" * 16), ("CNI_ARGS", "A")])
def test_a_value_that_is_not_needed_is_not_looked_at(verb: str, name: str, value: str) -> None:
    """Spec section 1.2: only a required variable is validated."""
    assert parse_environment({"CNI_COMMAND": verb, **FULL, name: value}).verb == verb


@pytest.mark.parametrize("value", ["a", "0", "A", "a_b.c-d", "0" * 64, "a" * 500, "1.", "a--"])
def test_container_ids_and_network_names_have_the_same_grammar(value: str) -> None:
    """Spec section 1.2."""
    assert parse_environment({"CNI_COMMAND": "ADD", **FULL, "CNI_CONTAINERID": value}).container_id == value
    assert is_network_name(value)


@pytest.mark.parametrize("value", ["", "-a", "a/b", "a b", "a\n", "é"])
def test_other_network_names_are_none(value: str) -> None:
    """Spec section 1.2."""
    assert not is_network_name(value)


@pytest.mark.parametrize("name", ["a", "a" * 15, "é" * 7, "...", "eth0.100", "eth0@if5", "-"])
def test_the_kernel_takes_these_for_interfaces(name: str) -> None:
    """Spec section 1.2."""
    assert check_ifname(name) == name


def test_an_interface_needs_a_name() -> None:
    """Spec section 1.2."""
    with pytest.raises(RequestError, match="is empty"):
        check_ifname("")


def test_defaults_fill_what_is_absent_or_empty_and_nothing_else() -> None:
    """Spec section 6.1: the daemon takes `eth0` and needs no CNI_PATH."""
    defaults = {"CNI_IFNAME": "eth0", "CNI_PATH": "/opt/cni/bin"}
    given = {"CNI_COMMAND": "DEL", "CNI_CONTAINERID": "cid1", "CNI_IFNAME": "", "CNI_PATH": "/mine"}
    assert parse_environment(given, defaults=defaults) == Environment("DEL", "cid1", ifname="eth0", path=("/mine",))
    assert parse_environment({**given, "CNI_IFNAME": "net7"}, defaults=defaults).ifname == "net7"


def test_empty_folders_of_the_path_are_left_out() -> None:
    assert parse_environment({"CNI_COMMAND": "STATUS", "CNI_PATH": ":/a::/b:"}).path == ("/a", "/b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("true", True), ("TRUE", True), ("tRue", True), ("0", False), ("false", False), ("yes", False)],
)
def test_the_override_is_one_or_true_in_any_case(value: str, *, expected: bool) -> None:
    """Spec section 1.2."""
    assert parse_environment({"CNI_COMMAND": "ADD", **FULL, "CNI_NETNS_OVERRIDE": value}).netns_override is expected


@given(
    st.fixed_dictionaries(
        {"CNI_COMMAND": st.sampled_from(VERBS) | st.text(max_size=5)},
        optional={name: st.text(max_size=20) | st.just(value) for name, value in FULL.items()},
    )
)
def test_any_environment_is_usable_or_refused_with_code_4(env: dict[str, str]) -> None:
    """Spec section 1.2."""
    read = attempt(lambda: parse_environment(env), RequestError)
    if isinstance(read, RequestError):
        assert read.code == 4
    elif read.verb not in OF_A_SANDBOX:
        assert read == Environment(read.verb, path=read.path)
    else:
        assert is_network_name(read.container_id)
        assert check_ifname(read.ifname)
        assert read.netns or read.verb == "DEL"
