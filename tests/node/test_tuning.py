"""`tuning` inside the daemon, beside the plugin it stands for, in twin namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError
from plurimus.drivers.tuning.driver import Tuning

from .snapshot import ip_json
from .twins import OURS, PEER, THEIRS, ours, path, read, theirs, twins

pytestmark = pytest.mark.usefixtures("root")

MAC, NEW = "02:00:00:00:00:01", "02:AA:00:00:00:77"
EVERYTHING = {"mac": NEW, "promisc": True, "mtu": 1400, "allmulti": True, "txQLen": 55}
PARAMETER = "net/ipv4/conf/net1/arp_filter"
SYSCTL = {"net.ipv4.conf.IFNAME.arp_filter": "1"}


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    """net1 in each namespace, up."""
    with twins():
        for name in (OURS, THEIRS):
            peer = ["peer", "name", name, "netns", PEER]
            link("add", "net1", "index", "101", "address", MAC, "type", "veth", *peer, name=name)
            link("set", "net1", "addrgenmode", "none", "up", name=name)
        yield


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Where each of both keeps what interfaces were."""
    return {name: tmp_path / name for name in (OURS, THEIRS)}


def link(*argv: str, name: str = OURS) -> None:
    ip_json("link", *argv, namespace=name)


def conf(more: dict[str, Any], version: str = "1.0.0", folder: Path | None = None) -> dict[str, Any]:
    interfaces = [{"name": "bridge"}, {"name": "net1", "mac": MAC, "sandbox": "pod"}]
    ips = [{"address": "10.0.0.2/24", "interface": 1, **({"version": "4"} if version < "1" else {})}]
    previous: dict[str, Any] = {"cniVersion": version, "interfaces": interfaces, "ips": ips}
    if version < "0.3":
        previous = {"cniVersion": version, "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1"}, "dns": {}}
    where = {"dataDir": str(folder)} if folder else {}
    return {"cniVersion": version, "name": "rail", "type": "tuning", "prevResult": previous, **where, **more}


def attributes(name: str) -> dict[str, Any]:
    (found,) = ip_json("-details", "link", "show", "net1", namespace=name)
    return {key: found[key] for key in ("flags", "mtu", "txqlen", "address", "promiscuity", "allmulti") if key in found}


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()} if folder.exists() else {}


def driver(root: Path = Path("/")) -> Tuning:
    return Tuning(root)


@pytest.mark.parametrize("version", ["0.2.0", "0.3.1", "1.0.0", "1.1.0"])
@pytest.mark.parametrize(
    "more",
    [EVERYTHING, {"mtu": 1400}, {"promisc": True}, {"allmulti": False}, {"txQLen": 0}, {"mac": NEW}, {"sysctl": SYSCTL},
     {}, {"args": {"cni": EVERYTHING}}, {"runtimeConfig": {"mac": NEW}, "mac": "02:00:00:00:00:55"}],
)  # fmt: skip
def test_interface_result_and_saved_file_are_the_plugins(
    more: dict[str, Any], version: str, folders: dict[str, Path]
) -> None:
    """Plugins spec, variant 59."""
    before = attributes(OURS)
    given = {name: conf(more, version, folders[name]) for name in folders}
    assert ours(driver(), "ADD", given[OURS]) == theirs("ADD", given[THEIRS])
    assert attributes(OURS) == attributes(THEIRS)
    assert read(OURS, PARAMETER) == read(THEIRS, PARAMETER) == ("1" if "sysctl" in more else "0")
    assert files(folders[OURS]) == files(folders[THEIRS])
    ours(driver(), "CHECK", given[OURS])
    ours(driver(), "DEL", given[OURS])
    theirs("DEL", given[THEIRS])
    assert attributes(OURS) == attributes(THEIRS) == before
    assert files(folders[OURS]) == files(folders[THEIRS]) == {}
    ours(driver(), "DEL", given[OURS])


@pytest.mark.parametrize("by_us", [True, False])
def test_one_restores_what_the_other_changed(by_us: bool, tmp_path: Path) -> None:
    before, given = attributes(OURS), conf(EVERYTHING, folder=tmp_path)
    if by_us:
        ours(driver(), "ADD", given)
        assert attributes(OURS) != before
        theirs("DEL", given, name=OURS)
    else:
        theirs("ADD", given, name=OURS)
        assert attributes(OURS) != before
        ours(driver(), "DEL", given)
    assert attributes(OURS) == before
    assert files(tmp_path) == {}


def test_a_repeated_add_keeps_what_was_first(tmp_path: Path) -> None:
    """The plugin writes over it; plugins spec section 10."""
    before = attributes(OURS)
    ours(driver(), "ADD", conf({"mtu": 1400}, folder=tmp_path))
    ours(driver(), "ADD", conf({"mtu": 1300, "mac": NEW}, folder=tmp_path))
    assert files(tmp_path) == {"pod_net1.json": b'{\n "mac": "02:00:00:00:00:01",\n "mtu": 1500\n}'}
    ours(driver(), "DEL", conf({}, folder=tmp_path))
    assert attributes(OURS) == before


@pytest.mark.parametrize("wrong", [{"mtu": 100_000}, {"sysctl": {"net.ipv4.conf.IFNAME.nope": "1"}}])
def test_a_failed_add_leaves_nothing_behind(wrong: dict[str, Any], tmp_path: Path) -> None:
    before = attributes(OURS)
    sysctl = {**SYSCTL, **wrong.get("sysctl", {})}
    with pytest.raises(AttachmentError, match=r"mtu of net1 to 100000|net1/nope: No such file"):
        ours(driver(), "ADD", conf({**EVERYTHING, **wrong, "sysctl": sysctl}, folder=tmp_path))
    assert attributes(OURS) == before
    assert read(OURS, PARAMETER) == "0"
    assert files(tmp_path) == {}


def test_a_failed_second_add_leaves_what_the_first_made(tmp_path: Path) -> None:
    before = attributes(OURS)
    ours(driver(), "ADD", conf({"mtu": 1400}, folder=tmp_path))
    with pytest.raises(AttachmentError, match="mtu of net1 to 100000"):
        ours(driver(), "ADD", conf({"mtu": 100_000, "txQLen": 7}, folder=tmp_path))
    assert attributes(OURS) == {**before, "mtu": 1400}
    ours(driver(), "DEL", conf({}, folder=tmp_path))
    assert attributes(OURS) == before


def test_parameters_are_set_in_the_order_of_the_file(tmp_path: Path) -> None:
    every = "net.ipv4.conf.all.forwarding"
    one = "net.ipv4.conf.IFNAME.forwarding"
    for sysctl, result in (({every: "1", one: "0"}, "0"), ({one: "0", every: "1"}, "1")):
        ours(driver(), "ADD", conf({"sysctl": sysctl}, folder=tmp_path))
        assert read(OURS, "net/ipv4/conf/net1/forwarding") == result
        ours(driver(), "ADD", conf({"sysctl": {every: "0"}}, folder=tmp_path))


def test_parameters_are_those_of_the_pods_namespace(tmp_path: Path) -> None:
    key = "net/ipv4/conf/default/arp_filter"
    host = Path("/proc/sys", key).read_text()
    ours(driver(), "ADD", conf({"args": {"cni": {"sysctl": {key: "1"}}}}))
    assert read(OURS, key) == "1"
    assert read(THEIRS, key) == "0"
    assert Path("/proc/sys", key).read_text() == host


def test_what_the_administrator_does_not_allow_is_not_done(tmp_path: Path) -> None:
    """Plugins spec, variant 63."""
    allowed = tmp_path / "etc/cni/tuning/allowlist.conf"
    allowed.parent.mkdir(parents=True)
    allowed.write_text("IFNAME\\.arp_notify$\n")
    before = attributes(OURS)
    for verb in ("ADD", "STATUS"):
        with pytest.raises(AttachmentError, match=r"Sysctl net\.ipv4\.conf\.IFNAME\.arp_filter is not allowed"):
            ours(driver(tmp_path), verb, conf({"sysctl": SYSCTL, "mtu": 1400}))
    assert attributes(OURS) == before
    assert read(OURS, PARAMETER) == "0"
    ours(driver(tmp_path), "ADD", conf({"sysctl": {"net.ipv4.conf.IFNAME.arp_notify": "1"}}))
    ours(driver(tmp_path), "STATUS", conf({}))


@pytest.mark.parametrize("gone", ["namespace", "interface", "path", "file"])
def test_deletion_succeeds_whatever_is_gone_and_leaves_no_file(gone: str, tmp_path: Path) -> None:
    """The plugin leaves its file; plugins spec section 10."""
    given = conf(EVERYTHING, folder=tmp_path)
    ours(driver(), "ADD", given)
    name = OURS
    if gone == "namespace":
        netns.delete(path(OURS))
    elif gone == "interface":
        link("delete", "net1")
    elif gone == "path":
        name = ""
    else:
        (tmp_path / "pod_net1.json").unlink()
    for _ in range(2):
        ours(driver(), "DEL", given, name=name)
        assert files(tmp_path) == {}


def test_deletion_does_not_mind_a_configuration_that_no_add_takes(tmp_path: Path) -> None:
    before = attributes(OURS)
    ours(driver(), "ADD", conf(EVERYTHING, folder=tmp_path))
    ours(driver(), "DEL", {**conf({"mac": "zz", "mtu": "x", "sysctl": 5}, folder=tmp_path), "prevResult": None})
    assert attributes(OURS) == before
    ours(driver(), "DEL", conf({"dataDir": "relative"}))


def test_deletion_goes_on_where_nobody_knows_what_was(tmp_path: Path) -> None:
    (tmp_path / "pod_net1.json").write_text('{\n "mac":')
    with capture_logs() as logs:
        ours(driver(), "DEL", conf(EVERYTHING, folder=tmp_path))
    assert "cannot be understood" in logs[0]["reason"]
    assert files(tmp_path) == {}


def test_what_cannot_be_restored_is_told_and_keeps_no_pod(tmp_path: Path) -> None:
    (tmp_path / "pod_net1.json").write_text('{"mtu": 100000, "txQLen": 5}')
    with capture_logs() as logs:
        ours(driver(), "DEL", conf(EVERYTHING, folder=tmp_path))
    assert "setting mtu of net1 to 100000" in logs[0]["reason"]
    assert attributes(OURS)["txqlen"] == 5
    assert files(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("address", "02:00:00:00:00:09"), "net1 has mac 02:00:00:00:00:09, and 'tuning' has set it to 02:AA"),
        (("mtu", "1450"), "net1 has mtu 1450"),
        (("promisc", "off"), "net1 has promisc False"),
        (("allmulticast", "off"), "net1 has allmulti False"),
        (("txqueuelen", "3"), "net1 has txQLen 3"),
    ],
)
def test_check_tells_what_differs(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    given = conf({**EVERYTHING, "sysctl": SYSCTL}, folder=tmp_path)
    ours(driver(), "ADD", given)
    link("set", "net1", *change)
    with pytest.raises(AttachmentError, match=says):
        ours(driver(), "CHECK", given)


def test_check_compares_numbers_and_not_the_blanks_between_them(tmp_path: Path) -> None:
    """The kernel writes tabs, so the plugin's CHECK always fails here."""
    given = conf({"sysctl": {"net.ipv4.tcp_rmem": "4096 8192 10000"}})
    ours(driver(), "ADD", given)
    ours(driver(), "CHECK", given)
    ours(driver(), "ADD", conf({"sysctl": {"net.ipv4.tcp_rmem": "4096 8192 10001"}}))
    with pytest.raises(AttachmentError, match="tcp_rmem is '4096"):
        ours(driver(), "CHECK", given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"prevResult": None}, "Required prevResult missing"),
        ({"mac": "02:00:00:00:00:00:00:01"}, "of another length than that of net1"),
        ({"sysctl": {"kernel.shmmax": "1"}}, "no kernel parameter of a network namespace"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_done(given: dict[str, Any], says: str, tmp_path: Path) -> None:
    before = attributes(OURS)
    with pytest.raises(ConfigError, match=says):
        ours(driver(), "ADD", {**conf(EVERYTHING, folder=tmp_path), **given})
    assert attributes(OURS) == before
    assert files(tmp_path) == {}


def test_an_interface_or_a_namespace_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match="interface net7 is not in the sandbox"):
        ours(driver(), "ADD", conf({"mtu": 1400}, folder=tmp_path), "net7")
    with pytest.raises(PlurimusError, match="cannot be opened"):
        ours(driver(), "ADD", conf({"mtu": 1400}, folder=tmp_path), name="nowhere")
    assert files(tmp_path) == {}
