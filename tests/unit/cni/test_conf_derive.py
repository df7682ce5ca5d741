"""What one plugin gets on stdin, and a configuration written out again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.cni.conf import NetworkConfig, derive, parse, with_plugins
from plurimus.cni.errors import ConfigError

from .strategies import attempt, near, torn, values, words, written

CAPABLE = {"type": "a", "capabilities": {"ips": True, "mac": True, "bandwidth": False}}
WANTED = {"ips": ["10.0.0.1"], "mac": "02:00:00:00:00:01", "bandwidth": {"ingressRate": 1}, "deviceID": "0000:00:01.0"}


def chain(*plugins: dict[str, Any], **keys: Any) -> NetworkConfig:
    return parse({"cniVersion": "1.0.0", "name": "net", "plugins": list(plugins), **keys})


def derived(config: NetworkConfig, position: int = 0, **options: Any) -> dict[str, Any]:
    """What the plugin at `position` reads."""
    read: dict[str, Any] = json.loads(derive(config, config.plugins[position], **options))
    return read


def test_every_plugin_gets_the_name_and_version_of_its_list() -> None:
    """F8.  Spec section 1.5."""
    config = chain({"type": "a", "mtu": 9}, {"type": "b", "name": "own", "cniVersion": "0.4.0"})
    assert derived(config) == {"cniVersion": "1.0.0", "name": "net", "type": "a", "mtu": 9}
    assert derived(config, 1) == {"cniVersion": "1.0.0", "name": "net", "type": "b"}


def test_a_single_configuration_gets_the_name_of_its_definition() -> None:
    """F45.  Spec section 4.2."""
    config = parse({"type": "a"}, default_name="nad")
    assert derived(config) == {"cniVersion": "0.1.0", "name": "nad", "type": "a"}


def test_the_result_before_is_handed_on() -> None:
    """F8.  Spec section 1.5."""
    assert derived(chain({"type": "a"}), prev_result={"ips": []})["prevResult"] == {"ips": []}
    assert "prevResult" not in derived(chain({"type": "a"}))


def test_a_plugin_gets_the_capability_args_it_declares() -> None:
    """Spec section 1.5."""
    config = chain(CAPABLE, {"type": "b"}, {"type": "c", "capabilities": {"deviceID": True}})
    runtime_configs = [derived(config, index, capability_args=WANTED).get("runtimeConfig") for index in range(3)]
    assert runtime_configs == [
        {"ips": ["10.0.0.1"], "mac": "02:00:00:00:00:01"}, None, {"deviceID": "0000:00:01.0"},
    ]  # fmt: skip


def test_the_declaration_stays() -> None:
    """Spec section 1.5."""
    assert derived(chain(CAPABLE), capability_args=WANTED)["capabilities"] == CAPABLE["capabilities"]


@pytest.mark.parametrize("wanted", [None, {}, {"bandwidth": {"ingressRate": 1}}, {"deviceID": "x"}])
def test_a_runtime_config_in_the_file_stays_when_nothing_is_wanted(wanted: dict[str, Any] | None) -> None:
    """Spec section 1.5."""
    config = chain({**CAPABLE, "runtimeConfig": {"mine": 1}})
    assert derived(config, capability_args=wanted)["runtimeConfig"] == {"mine": 1}


def test_a_runtime_config_in_the_file_is_replaced_when_something_is_wanted() -> None:
    """Spec section 1.5."""
    config = chain({**CAPABLE, "runtimeConfig": {"mine": 1}})
    assert derived(config, capability_args={"mac": "02:00:00:00:00:01"})["runtimeConfig"] == {
        "mac": "02:00:00:00:00:01"
    }


def test_every_plugin_gets_its_own_cni_args() -> None:
    """F34.  Spec section 4.5."""
    config = chain({"type": "a", "args": {"cni": {"x": [1]}}}, {"type": "b"}, {"type": "c", "ARGS": {"cni": {"y": 2}}})
    assert [derived(config, index).get("args") for index in range(3)] == [
        {"cni": {"x": [1]}}, None, {"cni": {"y": 2}},
    ]  # fmt: skip


def test_keys_of_the_verb_are_added() -> None:
    """Spec section 1.5, GC."""
    kept = [{"containerID": "c", "ifname": "eth0"}]
    assert derived(chain({"type": "a"}), extra={"cni.dev/valid-attachments": kept})["cni.dev/valid-attachments"] == kept


def test_what_a_plugin_reads_is_printed_as_go_prints_it() -> None:
    """Spec section 0, rule 3."""
    config = parse('{"type":"a","name":"net","cniVersion":"1.0.0","z":{"b":1152921504606846977,"a":"<&>"},"Z":[1.0]}')
    assert derive(config, config.plugins[0]) == (
        rb'{"Z":[1],"cniVersion":"1.0.0","name":"net","type":"a",'
        rb'"z":{"a":"\u003c\u0026\u003e","b":1152921504606846977}}'
    )


def test_deriving_changes_nothing_in_the_configuration() -> None:
    config = chain(CAPABLE)
    before = config.encode()
    derive(config, config.plugins[0], prev_result={}, capability_args=WANTED, extra={"x": 1})
    assert config.encode() == before


def test_a_single_configuration_is_written_with_its_name_and_version() -> None:
    """Spec section 4.2."""
    assert parse('{"type":"a","x":"<"}', default_name="nad").encode() == (
        rb'{"cniVersion":"0.1.0","name":"nad","type":"a","x":"\u003c"}'
    )


def test_a_list_is_written_with_its_version_its_flags_and_all_its_keys() -> None:
    """F10, F11, S37."""
    document = {"name": "net", "cniVersions": ["0.4.0"], "disableGC": "true", "disableCheck": False, "note": 1}
    config = parse({**document, "plugins": [{"type": "b"}, {"type": "a"}]}, list_version="1.1.0")
    assert config.encode() == (
        b'{"cniVersion":"0.4.0","disableGC":true,"name":"net","note":1,"plugins":[{"type":"b"},{"type":"a"}]}'
    )


def test_plugins_of_a_sub_directory_come_after_those_of_the_file() -> None:
    """F9.  Spec section 1.5."""
    config = with_plugins(chain({"type": "a"}), [{"type": "c"}, {"TYPE": "b"}])
    assert config.types == ("a", "c", "b")
    assert derived(config, 2) == {"cniVersion": "1.0.0", "name": "net", "type": "b"}


@pytest.mark.parametrize("plugins", [{}, {"plugins": None}])
def test_a_file_may_leave_all_plugins_to_its_sub_directory(plugins: dict[str, Any]) -> None:
    """F9.  Spec section 1.5."""
    config = parse({"name": "net", **plugins}, allow_no_plugins=True)
    assert with_plugins(config, [{"type": "a"}]).types == ("a",)


def test_no_plugin_in_the_file_nor_beside_it_is_refused() -> None:
    """F9.  Spec section 1.5."""
    with pytest.raises(ConfigError, match="'net': no plugins, neither in the file nor beside it"):
        with_plugins(parse({"name": "net"}, allow_no_plugins=True), [])


@pytest.mark.parametrize("flag", [True, "true"])
def test_a_file_that_loads_only_its_own_plugins_must_have_some(flag: object) -> None:
    """F9.  Spec section 1.5."""
    with pytest.raises(ConfigError, match="'type' or 'plugins'"):
        parse({"name": "net", "loadOnlyInlinedPlugins": flag}, allow_no_plugins=True)


KEYS = ("cniVersion", "CNIVERSION", "cniVersions", "name", "type", "plugins", "disableCheck", "disableGC", "dns",
        "loadOnlyInlinedPlugins", "capabilities", "args", "prevResult", "runtimeConfig", "ipam", "other")  # fmt: skip
plugins = near(KEYS, st.just({"x": True}) | st.just("a"))
documents = near(
    KEYS, st.lists(plugins, max_size=2) | st.sampled_from(["a", "1.0.0", True, ["1.1.0", "0.4.0"], {"cni": {}}])
)


@settings(max_examples=60)
@given(torn | written(values | documents), st.booleans())
def test_any_bytes_are_a_configuration_or_a_config_error(source: bytes, allow: bool) -> None:
    config = attempt(lambda: parse(source, allow_no_plugins=allow), ConfigError)
    if isinstance(config, ConfigError):
        assert config.code in (1, 6, 7)
        return
    assert config.plugins or allow
    for plugin in config.plugins:
        assert json.loads(derive(config, plugin, capability_args={"x": 1}))["name"] == config.name


some_plugin = st.fixed_dictionaries(
    {"type": st.sampled_from("abc")},
    optional={
        "name": st.sampled_from(["", "own"]),
        "capabilities": st.dictionaries(st.sampled_from("xy"), st.booleans()),
        "args": st.fixed_dictionaries({"cni": st.dictionaries(words, values, max_size=2)}),
        "runtimeConfig": st.dictionaries(words, values, max_size=2),
        "other": values,
    },
)
top = st.fixed_dictionaries(
    {},
    optional={
        "cniVersion": st.sampled_from(["", "0.3.1", "1.1.0"]),
        "name": st.sampled_from(["", "net"]),
        "disableCheck": st.sampled_from([True, False, "true"]),
        "disableGC": st.sampled_from([True, False, "FALSE"]),
        "other": values,
    },
)
lists = st.fixed_dictionaries(
    {"plugins": st.lists(some_plugin, min_size=1, max_size=2)},
    optional={"cniVersions": st.just(["0.4.0", "9.0.0"]), "loadOnlyInlinedPlugins": st.booleans()},
)


@settings(max_examples=50)
@given(top, lists | some_plugin, st.sampled_from(["", "nad"]))
def test_a_configuration_read_again_is_the_same(head: dict[str, Any], form: dict[str, Any], name: str) -> None:
    """Spec section 4.2: what is cached at ADD is what DEL runs with."""
    first = parse(json.dumps({**head, **form}), default_name=name, list_version="0.4.0")
    again = parse(first.encode())
    assert again.encode() == first.encode()
    assert replace(again, plugins=()) == replace(first, plugins=(), extra=again.extra)
    assert dict(again.extra) == dict(first.extra)
    for position, _ in enumerate(first.plugins):
        assert derived(again, position) == derived(first, position)
