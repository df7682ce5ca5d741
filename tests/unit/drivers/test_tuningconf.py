"""What `tuning` is asked for, and what the administrator allows; plugins spec section 10."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import macs
from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError, RequestError
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.tuning import allowlist, conf
from plurimus.drivers.tuning.backup import Backup
from plurimus.drivers.tuning.driver import Tuning

KEY = "net.ipv4.conf.IFNAME.arp_filter"


def request(more: dict[str, Any] | str, *, ifname: str = "net1", cni_args: str = "") -> Call:
    """A call with a configuration, given as an object or as text."""
    env = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "pod", "CNI_IFNAME": ifname, "CNI_ARGS": cni_args}
    text = more if isinstance(more, str) else json.dumps({"cniVersion": "1.0.0", "name": "rail", **more})
    return call.read(env, text.encode(), ())


def test_macs_count_in_the_order_of_the_plugin() -> None:
    """Plugins spec, variant 60."""
    sources: list[tuple[dict[str, Any], str]] = [
        ({"mac": "02:00:00:00:00:04"}, ""),
        ({}, "MAC=02:00:00:00:00:03;IgnoreUnknown=1;OTHER=x"),
        ({"runtimeConfig": {"mac": "02:00:00:00:00:02"}}, ""),
        ({"args": {"cni": {"mac": "02:00:00:00:00:01"}}}, ""),
    ]
    given: dict[str, Any] = {}
    cni_args = ""
    for number, (more, text) in enumerate(sources):
        given |= more
        cni_args = text or cni_args
        found = conf.read(request(given, cni_args=cni_args)).wanted
        assert found == {"mac": f"02:00:00:00:00:0{4 - number}"}
    assert conf.read(request(given | {"args": {"cni": {"mac": ""}}}, cni_args=cni_args)).wanted == {}


def test_what_the_pod_asks_for_counts_before_the_configuration() -> None:
    ours = {"promisc": True, "mtu": 1400, "allmulti": False, "txQLen": 5}
    assert conf.read(request(ours)).wanted == ours
    asked = {"promisc": False, "mtu": 9000, "allmulti": True, "txQLen": 0}
    assert conf.read(request({**ours, "args": {"cni": asked}})).wanted == {"mtu": 9000, "allmulti": True, "txQLen": 0}
    assert conf.read(request({"mtu": 0, "promisc": False, "txqlen": 7})).wanted == {"txQLen": 7}


def test_parameters_of_the_pod_join_those_of_the_configuration() -> None:
    """Plugins spec, variants 61 and 62: the plugin panics where the configuration has none."""
    asked = {"args": {"cni": {"sysctl": {KEY: "1", "net.core.somaxconn": "9"}}}}
    found = conf.read(request(asked)).parameters
    assert found == {"/proc/sys/net/ipv4/conf/net1/arp_filter": "1", "/proc/sys/net/core/somaxconn": "9"}
    both = conf.read(request({"sysctl": {KEY: "0", "net/ipv4/ip_forward": "1"}, **asked}))
    assert list(both.parameters.items()) == [
        ("/proc/sys/net/ipv4/conf/net1/arp_filter", "1"),
        ("/proc/sys/net/ipv4/ip_forward", "1"),
        ("/proc/sys/net/core/somaxconn", "9"),
    ]
    assert both.keys == (KEY, "net/ipv4/ip_forward", "net.core.somaxconn")


def test_dots_in_the_name_of_the_interface_stay() -> None:
    found = conf.read(request({"sysctl": {KEY: "1"}}, ifname="eth0.5")).parameters
    assert found == {"/proc/sys/net/ipv4/conf/eth0.5/arp_filter": "1"}


@pytest.mark.parametrize(
    "key",
    ["kernel.shmmax", "net", "net.", "", "/kernel/shmmax",
     "net.ipv4\0", "../../etc/net/x", "netx.y"],
)  # fmt: skip
def test_no_parameter_leads_out_of_the_namespaces_own(key: str) -> None:
    with pytest.raises(ConfigError, match="no kernel parameter of a network namespace"):
        conf.read(request({"sysctl": {key: "1"}}))
    with pytest.raises(RequestError, match="no kernel parameter of a network namespace"):
        conf.read(request({"args": {"cni": {"sysctl": {key: "1"}}}}))


def test_a_key_that_is_longer_than_any_parameter_is_refused_before_patterns_are_tried_on_it() -> None:
    """The time an ordinary pattern takes grows with the square of the length, which a pod chooses."""
    key = "net.ipv4." * 5000
    with pytest.raises(
        RequestError, match=r"'net\.ipv4\.net.*' in 'sysctl' has 45000 characters, expected up to 256"
    ) as long:
        conf.read(request({"args": {"cni": {"sysctl": {key: "1"}}}}))
    assert len(str(long.value)) < 300
    assert conf.read(request({"sysctl": {"net.".ljust(256, "a"): "1"}})).parameters


@given(st.text(alphabet="net./IFNAME\0a", max_size=30), st.text(alphabet="net.IFAM1", min_size=1, max_size=15))
def test_whatever_the_key_the_file_is_below_the_namespaces_own(key: str, ifname: str) -> None:
    try:
        (path,) = conf.read(request({"sysctl": {key: "1"}}, ifname=ifname)).parameters
    except PlurimusError:
        return
    assert Path(path).is_relative_to("/proc/sys/net")
    assert ".." not in Path(path).parts


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"sysctl": {KEY: 1}}, "sysctl"),
        ({"mtu": "1400"}, "mtu"),
        ({"mtu": -5}, "'mtu' is -5, expected 0 to 2147483647"),
        ({"txQLen": -1}, "'txQLen' is -1, expected 0 to 4294967295"),
        ({"mac": "zz"}, "MAC 'zz' is none"),
        ({"mac": "02:00"}, "MAC '02:00' is none"),
        ({"mac": "02:00-00:00:00:01"}, "is none"),
        ({"args": {"cni": {"mtu": -1}}}, "'mtu' is -1"),
        ({"runtimeConfig": {"mac": "x"}}, "the MAC that is asked for is none"),
    ],
)
def test_what_no_interface_can_be_is_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises((ConfigError, RequestError), match=says):
        conf.read(request(more))


@pytest.mark.parametrize("mac", ["02-00-00-00-00-01", "0200.0000.0001", "02:00:00:00:00:00:00:01", "02:" * 19 + "01"])
def test_macs_may_be_spelled_as_go_reads_them(mac: str) -> None:
    assert conf.read(request({"mac": mac})).wanted == {"mac": mac}
    assert macs.packed(mac).hex() == mac.replace(":", "").replace("-", "").replace(".", "")


@pytest.mark.parametrize("second", [f'"{KEY}"', '"net.ipv4.conf.IFNAME.arp\\u005ffilter"'])
def test_one_key_twice_is_refused(second: str) -> None:
    text = f'{{"name": "rail", "sysctl": {{"{KEY}": "1", {second}: "0"}}}}'
    with pytest.raises(ConfigError, match="'sysctl' has a key twice"):
        conf.read(request(text))
    asked = {"sysctl": {KEY: "1"}, "args": {"cni": {"sysctl": {KEY: "0"}}}}
    assert list(conf.read(request(asked)).parameters.values()) == ["0"]


def test_an_interface_with_a_slash_is_refused() -> None:
    with pytest.raises(RequestError, match="interface name"):
        conf.read(request({}, ifname="a/b"))


def test_without_a_list_everything_is_allowed_and_with_one_what_a_line_matches(tmp_path: Path) -> None:
    """Plugins spec, variant 63."""
    allowlist.check(tmp_path, [KEY])
    path = tmp_path / "etc/cni/tuning/allowlist.conf"
    path.parent.mkdir(parents=True)
    path.write_text("  ^net\\.core\\.somaxconn$ \n\nIFNAME\\.arp_(filter|notify)$\n")
    allowlist.check(tmp_path, [KEY, "net.core.somaxconn"])
    says = r"Sysctl net\.ipv4\.ip_forward is not allowed\. Only the following sysctls are allowed: \[\^net"
    with pytest.raises(AttachmentError, match=says):
        allowlist.check(tmp_path, [KEY, "net.ipv4.ip_forward"])
    path.write_text("")
    with pytest.raises(AttachmentError, match="is not allowed"):
        allowlist.check(tmp_path, [KEY])


@pytest.mark.parametrize("line", ["a(?=b)", "[", "\\pL"])
def test_a_line_that_is_not_understood_allows_nothing(tmp_path: Path, line: str) -> None:
    path = tmp_path / "etc/cni/tuning/allowlist.conf"
    path.parent.mkdir(parents=True)
    path.write_text(f"net.core\n{line}\n")
    allowlist.check(tmp_path, ["net.core.somaxconn"])
    with pytest.raises(ConfigError, match="is no regular expression of Go"):
        allowlist.check(tmp_path, [KEY])


def test_what_was_is_kept_in_the_plugins_form(tmp_path: Path) -> None:
    """Plugins spec, variant 59; the text is what the plugin wrote."""
    kept = Backup.of(request({"dataDir": "/run/x"}), tmp_path)
    assert kept.path == tmp_path / "run/x/pod_net1.json"
    assert kept.load() is None
    was = {"mac": "f2:84:ca:a6:14:94", "promisc": False, "mtu": 1500, "allmulti": False, "txQLen": 1000}
    kept.save({key: was[key] for key in sorted(was)})
    wanted = (
        '{\n "mac": "f2:84:ca:a6:14:94",\n "promisc": false,\n "mtu": 1500,\n "allmulti": false,\n "txQLen": 1000\n}'
    )
    assert kept.path.read_text() == wanted
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert kept.load() == was
    kept.remove()
    kept.remove()
    assert list(kept.path.parent.iterdir()) == []


def test_the_folder_is_the_plugins_and_stays_below_the_nodes_root(tmp_path: Path) -> None:
    assert Backup.of(request({}), tmp_path).path == tmp_path / "run/cni/tuning/pod_net1.json"
    assert Backup.of(request({"dataDir": "/../../x"}), tmp_path).path == tmp_path / "x/pod_net1.json"
    for wrong in ("relative", "/a\0b", 5):
        with pytest.raises(ConfigError, match="expected an absolute path"):
            Backup.of(request({"dataDir": wrong}), tmp_path)


def test_dots_that_could_lead_up_are_slashes() -> None:
    """As for the plugin."""
    assert list(conf.read(request({"sysctl": {"net/../kernel.x": "1"}})).parameters) == ["/proc/sys/net/kernel/x"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"mtu":', b'{"mac": "zz"}', b'{"mtu": "x"}', b"\xff"])
def test_a_file_that_cannot_be_understood_is_an_error_of_its_own(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pod_net1.json").write_bytes(content)
    with pytest.raises(AttachmentError, match=r"pod_net1\.json cannot be understood") as refused:
        Backup(tmp_path / "pod_net1.json").load()
    assert refused.value.code == 6


async def test_what_a_daemon_was_killed_at_writing_goes_with_the_attachment(tmp_path: Path) -> None:
    half = tmp_path / "run/cni/tuning/.pod_net1.json.tmp"
    half.parent.mkdir(parents=True)
    half.write_text("half of")
    await Tuning(tmp_path).delete(request({}))
    assert list(half.parent.iterdir()) == []
