"""`loopback` inside the daemon, beside the plugin it stands for, in twin namespaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.drivers.loopback import Loopback

from .snapshot import ip, kernel
from .twins import OURS, THEIRS, ours, path, theirs, twins

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    with twins():
        yield


def conf(version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    return {"cniVersion": version, "name": "lo", "type": "loopback", **more}


def is_up(name: str = OURS) -> bool:
    return "UP" in kernel(name)["links"]["lo"]["flags"]


def expected(version: str) -> dict[str, Any]:
    """A result in the form of its version; below 1.0.0 the plugin prints that of 1.0.0 under the other's number."""
    if version < "0.3":
        return {"cniVersion": version, "ip4": {"ip": "127.0.0.1/8"}, "ip6": {"ip": "::1/128"}, "dns": {}}
    interface = {"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": path(OURS)}
    ips = [{"version": "4", "interface": 0, "address": "127.0.0.1/8"},
           {"version": "6", "interface": 0, "address": "::1/128"}]  # fmt: skip
    return {"cniVersion": version, "interfaces": [interface], "ips": ips, "dns": {}}


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_interface_and_result_are_the_plugins(version: str) -> None:
    assert not is_up()
    for _ in range(2):
        made = ours(Loopback(), "ADD", conf(version))
        printed = theirs("ADD", conf(version))
        if version < "1":
            assert json.loads(made) == expected(version)
        else:
            assert made.replace(OURS, THEIRS) == printed
        assert is_up()
        assert kernel(OURS) == kernel(THEIRS)
    assert "127.0.0.1/8" in made
    ours(Loopback(), "CHECK", conf(version))
    for _ in range(2):
        ours(Loopback(), "DEL", conf(version))
        theirs("DEL", conf(version))
        assert not is_up()
        assert kernel(OURS) == kernel(THEIRS)
    with pytest.raises(AttachmentError, match="loopback interface is down"):
        ours(Loopback(), "CHECK", conf(version))


@pytest.mark.parametrize("disabled", [True, False])
def test_each_family_that_is_enabled_has_an_address(disabled: bool) -> None:
    for name in (OURS, THEIRS):
        netns.visit(path(name), lambda: Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text(str(int(disabled))))
    made = ours(Loopback(), "ADD", conf())
    assert made.replace(OURS, THEIRS) == theirs("ADD", conf())
    wanted = ["127.0.0.1/8"] if disabled else ["127.0.0.1/8", "::1/128"]
    assert [each["address"] for each in json.loads(made)["ips"]] == wanted


def test_the_result_of_a_plugin_before_it_is_passed_on() -> None:
    previous = {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mtu": 9000}], "dns": {"search": ["a"]}}
    assert ours(Loopback(), "ADD", conf(prevResult=previous)) == theirs("ADD", conf(prevResult=previous))
    assert is_up()


@pytest.mark.parametrize("was_up", [True, False])
def test_an_address_that_is_no_loopback_address_is_refused_and_nothing_changed(was_up: bool) -> None:
    ip("addr", "add", "10.0.0.1/8", "dev", "lo", namespace=OURS)
    if was_up:
        ip("link", "set", "lo", "up", namespace=OURS)
    with pytest.raises(AttachmentError, match=r'loopback interface found with non-loopback address "10\.0\.0\.1/8"'):
        ours(Loopback(), "ADD", conf())
    assert is_up() == was_up


def test_without_a_namespace_only_deletion_succeeds() -> None:
    for name in ("", "gone"):
        ours(Loopback(), "DEL", conf(), name=name)
    for verb in ("ADD", "CHECK"):
        with pytest.raises(PlurimusError, match="cannot be opened"):
            ours(Loopback(), verb, conf(), name="gone")
