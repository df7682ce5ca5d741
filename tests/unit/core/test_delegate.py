"""What is put into a delegate's configuration (F34, F48), and which ones are refused (S35)."""

from __future__ import annotations

import pytest

from plurimus.cni import conf
from plurimus.cni.errors import ConfigError

from .builders import config, delegate


@pytest.mark.parametrize("kind", ["multus", "multus-shim", "plurimus"])
@pytest.mark.parametrize("position", [0, 1])
def test_delegating_to_ourselves_is_refused(kind: str, position: int) -> None:
    """S35: anywhere in a chain, for any network."""
    plugins = [{"type": "macvlan"}]
    plugins.insert(position, {"type": kind})
    chosen = conf.parse({"cniVersion": "1.0.0", "name": "net", "plugins": plugins})
    with pytest.raises(ConfigError, match=f"'pod-ns/net' has type '{kind}': Plurimus would call itself"):
        delegate(config=chosen).checked()


def test_a_configuration_without_a_name_is_refused() -> None:
    """Spec section 1.5: ADD needs one."""
    with pytest.raises(ConfigError, match="missing network name:"):
        delegate(config=config("")).checked()


def test_a_sound_delegate_passes_unchanged() -> None:
    sound = delegate(config=config(chain=2))
    assert sound.checked() is sound


@pytest.mark.parametrize("chain", [0, 1, 3])
def test_the_device_is_in_every_plugin_under_both_names(chain: int) -> None:
    """F48: what the file said before is replaced."""
    chosen = delegate(config=config(chain=chain, deviceID="old", pciBusID="old", mtu=9000)).with_device("dev1")
    assert [(p["deviceID"], p["pciBusID"], p["mtu"]) for p in chosen.config.plugins] == [("dev1", "dev1", 9000)] * max(
        chain, 1
    )
    assert chosen.device_id == "dev1"


@pytest.mark.parametrize("chain", [0, 1, 3])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"cni": {"a": 1}}, id="no-args"),
        pytest.param({"args": None}, {"cni": {"a": 1}}, id="null-args"),
        pytest.param({"args": {"x": 1}}, {"x": 1, "cni": {"a": 1}}, id="other-args-stay"),
        pytest.param({"args": {"cni": None}}, {"cni": {"a": 1}}, id="null-cni"),
        pytest.param({"args": {"cni": {"b": 2}}}, {"cni": {"a": 1, "b": 2}}, id="added"),
        pytest.param({"args": {"cni": {"a": 2}}}, {"cni": {"a": 1}}, id="annotation-wins"),
    ],
)
def test_cni_args_are_merged_into_every_plugin(chain: int, before: dict, after: dict) -> None:
    """F34."""
    chosen = delegate(config=config(chain=chain, **before)).with_cni_args({"a": 1})
    assert [plugin["args"] for plugin in chosen.config.plugins] == [after] * max(chain, 1)


def test_cni_args_merge_one_level_deep() -> None:
    """Spec section 4.5."""
    before = config(args={"cni": {"a": {"x": 1}}})
    (plugin,) = delegate(config=before).with_cni_args({"a": {"y": 2}}).config.plugins
    assert plugin["args"]["cni"] == {"a": {"y": 2}}


def test_the_configuration_of_the_definition_is_left_alone() -> None:
    """Two attachments of one definition share its configuration object."""
    shared = config(args={"cni": {"b": 2}})
    before = shared.encode()
    delegate(config=shared).with_cni_args({"a": 1}).with_device("dev1")
    assert shared.encode() == before
