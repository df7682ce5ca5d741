"""Network configurations and lists: their two forms, names, versions, flags, and keys nobody here knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.conf import NetworkConfig, parse, remembered
from plurimus.cni.errors import ConfigError

PLUGIN = {"type": "bridge"}
SINGLE = {"cniVersion": "1.0.0", "name": "net", **PLUGIN}
LIST = {"cniVersion": "1.0.0", "name": "net", "plugins": [PLUGIN]}
FLAGS = ("disable_check", "disable_gc", "load_only_inlined")


def refused(source: Any, **options: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(source, **options)
    return caught.value


def test_a_type_at_the_top_makes_a_single_configuration() -> None:
    """F47.  Spec section 4.3."""
    assert parse(SINGLE) == NetworkConfig("net", "1.0.0", (SINGLE,), single=True)


def test_plugins_without_a_type_at_the_top_make_a_list() -> None:
    """F8, F47.  Spec section 4.3."""
    plugins = [{"type": "bridge", "mtu": 1400}, {"type": "tuning"}, {"type": "bridge"}]
    config = parse({**LIST, "plugins": plugins})
    assert config == NetworkConfig("net", "1.0.0", tuple(plugins), single=False)
    assert config.types == ("bridge", "tuning", "bridge")


@pytest.mark.parametrize("plugins", [[PLUGIN], [], "x", None, 7])
def test_a_type_wins_over_plugins(plugins: object) -> None:
    """F47.  Spec section 4.3: such a configuration is a single one, whatever `plugins` is."""
    config = parse({**SINGLE, "plugins": plugins})
    assert (config.single, config.types) == (True, ("bridge",))


@pytest.mark.parametrize("keys", [{}, {"type": ""}, {"type": None}, {"plugins": None}, {"type": "", "plugins": None}])
def test_neither_type_nor_plugins_is_refused(keys: dict[str, object]) -> None:
    """F47.  Spec section 4.3."""
    error = refused({"name": "net", **keys})
    assert error.code == 7
    assert "'type' or 'plugins'" in error.msg


@pytest.mark.parametrize("allow", [False, True])
def test_an_empty_list_of_plugins_is_refused(*, allow: bool) -> None:
    """F47, S32.  Spec section 1.5: also where plugins may come from a sub-directory."""
    error = refused({**LIST, "plugins": []}, allow_no_plugins=allow)
    assert error.code == 7
    assert error.msg == "network configuration 'net': 'plugins' is empty, expected at least one plugin"


@pytest.mark.parametrize(
    ("written", "given", "expected"),
    [("", "nad", "nad"), (None, "nad", "nad"), ("own", "nad", "own"), ("", "", ""), (None, "", "")],
)
@pytest.mark.parametrize("form", [SINGLE, LIST])
def test_a_definition_names_a_configuration_without_name(
    form: dict[str, Any], written: str | None, given: str, expected: str
) -> None:
    """F45.  Spec section 4.2."""
    absent = {key: value for key, value in form.items() if key != "name"}
    for source in [{**absent, "name": written}, *([absent] if not written else [])]:
        assert parse(source, default_name=given).name == expected


@pytest.mark.parametrize("name", ["a/b", "../a", "-a", ".a", "a b", "a\n", "é", "a:b"])
@pytest.mark.parametrize("form", [SINGLE, LIST])
def test_a_name_that_is_no_network_name_is_refused(form: dict[str, Any], name: str) -> None:
    """Spec section 1.2: it becomes a part of file names."""
    for error in (refused({**form, "name": name}), refused({**form, "name": ""}, default_name=name)):
        assert (error.code, error.msg) == (
            7, f"network configuration: invalid characters in network name: {name!r}"
        )  # fmt: skip


@pytest.mark.parametrize("source", ["", "[", '{"type":"a"', "nul", '{"type":"a"} x', "[]", "null", '"a"', "1"])
def test_what_is_no_json_object_cannot_be_decoded(source: str) -> None:
    """Spec section 4.2."""
    assert refused(source).code == refused(source.encode()).code == 6


def test_bytes_text_and_objects_are_read_alike() -> None:
    text = json.dumps(LIST)
    assert parse(text) == parse(text.encode()) == parse(LIST)


@pytest.mark.parametrize("written", [{}, {"cniVersion": ""}, {"cniVersion": None}])
def test_without_a_version_a_configuration_is_of_the_oldest(written: dict[str, object]) -> None:
    """Spec section 1.1."""
    assert parse({"name": "net", **PLUGIN, **written}).cni_version == "0.1.0"
    assert parse({"name": "net", "plugins": [PLUGIN], **written}).cni_version == "0.1.0"


def test_a_list_without_version_gets_the_version_of_the_caller() -> None:
    """S37: ADD and DEL then run with the same."""
    assert parse({"name": "net", "plugins": [PLUGIN]}, list_version="1.1.0").cni_version == "1.1.0"
    assert parse(LIST, list_version="1.1.0").cni_version == "1.0.0"


def test_a_single_configuration_without_version_stays_of_the_oldest() -> None:
    """Spec section 4.3."""
    assert parse({"name": "net", **PLUGIN}, list_version="1.1.0").cni_version == "0.1.0"


@pytest.mark.parametrize("written", ["1.2.0", "1.1", "v1.0.0", "x"])
@pytest.mark.parametrize("form", [SINGLE, LIST])
def test_an_unknown_version_is_incompatible(form: dict[str, Any], written: str) -> None:
    """Spec section 1.1."""
    error = refused({**form, "cniVersion": written})
    assert error.code == 1
    assert "incompatible CNI versions" in error.msg
    assert "'net'" in error.msg
    assert f'config is "{written}"' in error.details


@pytest.mark.parametrize(
    ("written", "offered", "expected"),
    [
        ("0.4.0", ["1.0.0", "1.1.0", "9.0.0"], "1.1.0"),
        ("", ["0.3.1", "0.4.0"], "0.4.0"),
        ("1.0.0", ["0.4.0"], "1.0.0"),
        ("0.4.0", [], "0.4.0"),
        ("0.4.0", None, "0.4.0"),
    ],
)
def test_a_list_runs_in_the_highest_version_it_offers(written: str, offered: object, expected: str) -> None:
    """F11.  Spec section 1.5."""
    assert parse({**LIST, "cniVersion": written, "cniVersions": offered}).cni_version == expected


@pytest.mark.parametrize("offered", [["9.0.0"], ["1.0.0", "x"]])
def test_versions_that_cannot_be_chosen_from_are_incompatible(offered: list[str]) -> None:
    """F11.  Spec section 1.5."""
    assert refused({"name": "net", "plugins": [PLUGIN], "cniVersions": offered}).code == 1


@pytest.mark.parametrize("offered", [["1.1.0"], ["x"], "x"])
def test_a_single_configuration_offers_no_versions(offered: object) -> None:
    """F11: the key belongs to lists, here it is one nobody knows."""
    config = parse({**SINGLE, "cniVersions": offered})
    assert (config.cni_version, config.plugins[0]["cniVersions"]) == ("1.0.0", offered)


@pytest.mark.parametrize(
    ("key", "field"),
    [("disableCheck", "disable_check"), ("disableGC", "disable_gc"), ("loadOnlyInlinedPlugins", "load_only_inlined")],
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("true", True), ("TRUE", True), ("True", True), (False, False), ("false", False), ("FALSE", False),
     (None, False)],
)  # fmt: skip
def test_a_flag_is_a_boolean_or_its_name_in_any_case(key: str, field: str, value: object, *, expected: bool) -> None:
    """F10.  Spec section 1.5."""
    flags = {name: getattr(parse({**LIST, key: value}), name) for name in FLAGS}
    assert flags == {**dict.fromkeys(FLAGS, False), field: expected}


def test_keys_match_in_any_case_at_the_top_and_in_plugins() -> None:
    """Spec section 0, rule 1."""
    plugin = {"TYPE": "bridge", "Capabilities": {"ips": True}, "ARGS": {"cni": {}}, "IPAM": {"type": "x"}, "Mtu": 1}
    read = {"type": "bridge", "capabilities": {"ips": True}, "args": {"cni": {}}, "ipam": {"type": "x"}, "Mtu": 1}
    document = {"CNIVERSION": "0.4.0", "Name": "net", "Plugins": [plugin], "disablecheck": True}
    assert parse(document) == NetworkConfig("net", "0.4.0", (read,), single=False, disable_check=True)
    single = parse({"cniversion": "0.4.0", "NAME": "net", **plugin})
    assert single == NetworkConfig("net", "0.4.0", ({"cniVersion": "0.4.0", "name": "net", **read},), single=True)


def test_the_type_of_an_ipam_plugin_is_found_in_any_case() -> None:
    """A driver that did not find it would make an interface without addresses."""
    config = parse({**LIST, "plugins": [{**PLUGIN, "ipam": {"Type": "host-local", "Subnet": "10.0.0.0/24"}}]})
    assert config.plugins == ({**PLUGIN, "ipam": {"type": "host-local", "Subnet": "10.0.0.0/24"}},)


def test_keys_nobody_knows_pass_through() -> None:
    """Spec section 0, rule 2."""
    config = parse({**LIST, "x-note": {"a": [1]}, "plugins": [{**PLUGIN, "vlan": {"b": None}}]})
    assert config.extra == (("x-note", {"a": [1]}),)
    assert config.plugins == ({**PLUGIN, "vlan": {"b": None}},)


def test_integers_are_exact_whatever_their_size() -> None:
    """Spec section 0, rule 3."""
    assert parse('{"name":"net","type":"a","big":9007199254740993}').plugins[0]["big"] == 2**53 + 1


@pytest.mark.parametrize(("length", "is_kept"), [(10, True), (100_000, False)])
def test_a_text_is_remembered_unless_it_is_so_long_that_many_would_fill_the_memory(length: int, is_kept: bool) -> None:
    text = json.dumps({**SINGLE, "x-note": "x" * length})
    assert remembered(text) == parse(text)
    assert (remembered(text) is remembered(text)) == is_kept
