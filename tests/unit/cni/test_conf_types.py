"""Configurations with a value of the wrong type: refused, with the place and without the value (S32, S46)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.conf import parse, with_plugins
from plurimus.cni.errors import ConfigError

SINGLE = {"cniVersion": "1.0.0", "name": "net", "type": "bridge"}
LIST = {"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge"}]}

NO_TEXT: list[object] = [0, 1, 1.5, False, True, [], ["a"], {}, {"a": 1}]
NO_LIST: list[object] = [0, 1, False, True, "", "a", {}, {"a": 1}]
NO_OBJECT: list[object] = [0, 1, False, True, "", "a", [], ["a"]]
NO_FLAG: list[object] = [0, 1, "", "yes", "1", [], {}]
SECRET = "eyJhbGciOi"


def refused(source: Any, **options: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(source, **options)
    assert caught.value.code == 7
    return caught.value.msg


def table(keys: dict[str, list[object]]) -> list[Any]:
    return [pytest.param(key, value, id=f"{key}-{value!r}") for key, wrong in keys.items() for value in wrong]


@pytest.mark.parametrize(("key", "value"), table({"name": NO_TEXT, "cniVersion": NO_TEXT, "type": NO_TEXT}))
@pytest.mark.parametrize("form", [SINGLE, LIST])
def test_the_keys_of_both_forms_have_a_type(form: dict[str, Any], key: str, value: object) -> None:
    """Spec section 0, rule 2."""
    assert f"$.{key}" in refused({**form, key: value}, default_name="nad")


@pytest.mark.parametrize(("key", "value"), table({"plugins": NO_LIST, "cniVersions": NO_LIST}))
@pytest.mark.parametrize("allow", [False, True])
def test_the_lists_of_a_list_are_lists(key: str, value: object, *, allow: bool) -> None:
    """S32.  Spec section 0, rule 2."""
    assert f"$.{key}" in refused({**LIST, key: value}, allow_no_plugins=allow)


@pytest.mark.parametrize("version", [None, 1, ["1.0.0"]])
def test_an_offered_version_is_text(version: object) -> None:
    """F11.  Spec section 1.5."""
    assert "$.cniVersions[1]" in refused({**LIST, "cniVersions": ["1.0.0", version]})


@pytest.mark.parametrize(
    ("key", "value"), table({"disableCheck": NO_FLAG, "disableGC": NO_FLAG, "loadOnlyInlinedPlugins": NO_FLAG})
)
def test_a_flag_is_nothing_but_true_or_false(key: str, value: object) -> None:
    """F10.  Spec section 1.5."""
    assert f"{key!r} must be true or false" in refused({**LIST, key: value})


PLUGIN_KEYS = {
    "name": NO_TEXT,
    "cniVersion": NO_TEXT,
    "capabilities": NO_OBJECT,
    "args": NO_OBJECT,
    "prevResult": NO_OBJECT,
    "runtimeConfig": NO_OBJECT,
    "ipam": NO_OBJECT,
    "dns": NO_OBJECT,
}
INSIDE = {
    ("args", "cni"): NO_OBJECT,
    ("capabilities", "ips"): [0, 1, "true", "", [], {}],
    ("ipam", "type"): NO_TEXT,
    ("dns", "nameservers"): NO_LIST,
}
INSIDE_TABLE = [
    pytest.param(key, inner, value, id=f"{key}.{inner}-{value!r}")
    for (key, inner), wrong in INSIDE.items()
    for value in wrong
]


@pytest.mark.parametrize(("key", "value"), table(PLUGIN_KEYS))
def test_the_keys_of_a_plugin_have_a_type(key: str, value: object) -> None:
    """S32.  Spec section 0, rule 2."""
    chained = refused({**LIST, "plugins": [{"type": "bridge"}, {"type": "tuning", key: value}]})
    assert f"$.{key}" in chained
    assert "'net'" in chained
    assert "'tuning'" in chained
    assert f"$.{key}" in refused({**SINGLE, key: value})


@pytest.mark.parametrize(("key", "inner", "value"), INSIDE_TABLE)
def test_what_is_inside_them_has_a_type(key: str, inner: str, value: object) -> None:
    """S32.  Spec section 4.5: `args.cni` is an object."""
    assert f"$.{key}" in refused({**SINGLE, key: {inner: value}})


@pytest.mark.parametrize("key", [*PLUGIN_KEYS])
def test_null_leaves_the_default(key: str) -> None:
    """Spec section 0, rule 2."""
    assert parse({**LIST, "plugins": [{"type": "bridge", key: None}]}).types == ("bridge",)


@pytest.mark.parametrize(("key", "inner"), [*INSIDE])
def test_null_inside_leaves_the_default(key: str, inner: str) -> None:
    """Spec section 0, rule 2."""
    assert parse({**SINGLE, key: {inner: None}}).types == ("bridge",)


@pytest.mark.parametrize("plugin", [None, 1, "bridge", [], True])
def test_a_plugin_is_an_object(plugin: object) -> None:
    """S32.  Spec section 4.3."""
    assert "expected a JSON object" in refused({**LIST, "plugins": [{"type": "bridge"}, plugin]})


@pytest.mark.parametrize("kind", [None, "", 0, False, 7, ["bridge"], {}])
@pytest.mark.parametrize("position", [0, 1])
def test_every_plugin_has_a_type(position: int, kind: object) -> None:
    """Spec section 1.5."""
    plugins: list[dict[str, object]] = [{"type": "bridge"}, {"type": "bridge"}]
    plugins[position] = {"type": kind}
    assert "'net'" in refused({**LIST, "plugins": plugins})
    plugins[position] = {}
    assert "without 'type'" in refused({**LIST, "plugins": plugins})


@pytest.mark.parametrize("kind", ["/bin/sh", "a/b", "../a", ".", "..", "a\0"])
def test_a_type_is_the_name_of_an_executable(kind: str) -> None:
    """Spec section 1.5."""
    assert "expected the name of an executable, not a path" in refused({**SINGLE, "type": kind})
    assert "expected the name of an executable, not a path" in refused({**LIST, "plugins": [{"type": kind}]})


@pytest.mark.parametrize("plugin", [{}, {"type": "a/b"}, {"type": "a", "args": "x"}])
def test_a_plugin_from_a_sub_directory_is_checked_as_well(plugin: dict[str, object]) -> None:
    """F9.  Spec section 1.5."""
    with pytest.raises(ConfigError, match="'net'"):
        with_plugins(parse(LIST), [plugin])


@pytest.mark.parametrize(
    "wrong",
    [
        {"plugins": SECRET},
        {"plugins": [{"type": "a", "capabilities": {"ips": SECRET}}]},
        {"plugins": [{"type": "a", "args": SECRET}]},
        {"plugins": [{"type": "a", "dns": {"search": SECRET}}]},
        {"plugins": [{"type": "a"}, SECRET]},
        {"plugins": [{"token": SECRET}]},
        {"plugins": [], "token": SECRET},
        {"disableGC": SECRET, "plugins": [{"type": "a"}]},
        {"cniVersions": SECRET, "plugins": [{"type": "a"}]},
        {"cniVersion": "9.9.9", "plugins": [{"type": "a", "token": SECRET}]},
        {"name": "a b", "plugins": [{"type": "a", "token": SECRET}]},
    ],
)
def test_no_message_shows_what_the_configuration_holds(wrong: dict[str, object]) -> None:
    """S46."""
    for source in ({"cniVersion": "1.0.0", "name": "net", **wrong}, json.dumps({"name": "net", **wrong})[:-1]):
        with pytest.raises(ConfigError) as caught:
            parse(source)
        assert SECRET not in str(caught.value)
        assert caught.value.msg
