"""Addresses of host-local, and the files they are kept in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError, RequestError
from plurimus.cni.result import DNS, IPConfig, Route
from plurimus.drivers.call import Call
from plurimus.drivers.hostlocal.driver import HostLocal

from .leases import addresses, files, folder, give, put, request

FAILED = "failed to allocate for range 0:"
DUAL = [[{"subnet": "10.0.0.0/24"}], [{"subnet": "fd00::/64"}]]


@pytest.fixture
def driver(tmp_path: Path) -> HostLocal:
    return HostLocal(tmp_path)


async def refused(driver: HostLocal, verb: str = "ADD", pod: str = "pod", ifname: str = "net1", **more: Any) -> str:
    """The text of the plugin's error, whose code is always the same."""
    call = request(verb, pod, ifname, **more)
    with pytest.raises(PlurimusError) as raised:
        await {"ADD": driver.add, "CHECK": driver.check, "STATUS": driver.status}[verb](call)
    assert raised.value.code == 999
    return raised.value.msg


async def test_an_address_is_given_of_each_set_and_written_as_the_plugin_does(
    driver: HostLocal, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 10.0.0.53\n")
    call = request("ADD", ranges=DUAL, routes=[{"dst": "0.0.0.0/0"}], resolvConf="/etc/resolv.conf")
    made = await driver.add(call)
    assert made.ips == (IPConfig("10.0.0.2/24", gateway="10.0.0.1"), IPConfig("fd00::2/64", gateway="fd00::1"))
    assert (made.routes, made.dns) == ((Route("0.0.0.0/0"),), DNS(["10.0.0.53"]))
    assert files(tmp_path) == {"10.0.0.2": b"pod\r\nnet1", "fd00::2": b"pod\r\nnet1", "last_reserved_ip.0": b"10.0.0.2",
                               "last_reserved_ip.1": b"fd00::2"}  # fmt: skip
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder(tmp_path).iterdir()}
    assert modes == dict.fromkeys(files(tmp_path), "0o600") | {"lock": "0o750"}
    assert folder(tmp_path).stat().st_mode & 0o777 == 0o755
    assert json.loads(result.encode(made, "0.2.0"))["ip4"]["ip"] == "10.0.0.2/24"


async def test_addresses_go_round_and_one_that_was_freed_is_the_last_to_be_given_again(driver: HostLocal) -> None:
    small = {"subnet": "10.0.0.0/29"}
    assert [await give(driver, pod, **small) for pod in "abc"] == [["10.0.0.2"], ["10.0.0.3"], ["10.0.0.4"]]
    await driver.delete(request("DEL", "b", **small))
    assert [await give(driver, pod, **small) for pod in "def"] == [["10.0.0.5"], ["10.0.0.6"], ["10.0.0.3"]]
    assert await refused(driver, pod="g", **small) == (
        "failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.6"
    )
    await driver.delete(request("DEL", "f", **small))
    assert await give(driver, "h", **small) == ["10.0.0.3"]


@pytest.mark.parametrize("last", [b"", b"garbage", b"10.9.9.9", b"\xff", b"10.0.0.9\n"])
async def test_an_odd_last_address_matters_to_nobody(driver: HostLocal, tmp_path: Path, last: bytes) -> None:
    put(tmp_path)
    (folder(tmp_path) / "last_reserved_ip.0").write_bytes(last)
    assert await give(driver) == ["10.0.0.2"]


async def test_a_shorter_last_address_takes_the_place_of_a_longer_one(driver: HostLocal, tmp_path: Path) -> None:
    assert await give(driver, "a", cni_args="IP=10.0.0.254") == ["10.0.0.254"]
    assert await give(driver, "b") == ["10.0.0.2"]
    assert files(tmp_path)["last_reserved_ip.0"] == b"10.0.0.2"


async def test_an_attachment_gets_one_address_of_a_set_until_it_is_deleted(driver: HostLocal) -> None:
    assert await give(driver) == ["10.0.0.2"]
    assert await refused(driver) == (
        "failed to allocate for range 0: 10.0.0.2 has been allocated to pod, duplicate allocation is not allowed"
    )
    assert await give(driver, ifname="net2") == ["10.0.0.3"]
    assert await give(driver, subnet="10.1.0.0/24") == ["10.1.0.2"]


async def test_addresses_that_are_asked_for_are_given_each_of_its_set(driver: HostLocal, tmp_path: Path) -> None:
    made = await give(driver, cni_args="IP=10.0.0.9/24", ranges=DUAL, conf={"runtimeConfig": {"ips": ["fd00:0::7"]}})
    assert made == ["10.0.0.9", "fd00::7"]
    assert files(tmp_path)["last_reserved_ip.0"] == b"10.0.0.9"
    assert await give(driver, cni_args="IP=10.0.0.8", subnet="10.0.0.0/24") == ["10.0.0.8"]  # although it has one


@pytest.mark.parametrize(
    ("ip", "problem"),
    [
        ("10.0.0.1", f"{FAILED} requested ip 10.0.0.1 is subnet's gateway"),
        ("10.0.0.5", f"{FAILED} requested IP address 10.0.0.5 is not available in range set 10.0.0.1-10.0.0.6"),
        ("10.0.1.9", "failed to allocate all requested IPs: 10.0.1.9"),
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_had_is_named(driver: HostLocal, tmp_path: Path, ip: str, problem: str) -> None:
    put(tmp_path, at_10_0_0_5=b"other\r\nnet1")
    assert await refused(driver, cni_args=f"IP={ip}", subnet="10.0.0.0/29") == problem
    assert [name for name in files(tmp_path) if name != "last_reserved_ip.0"] == ["10.0.0.5"]


async def test_a_failed_add_takes_back_what_it_gave_and_nothing_that_was_there(
    driver: HostLocal, tmp_path: Path
) -> None:
    """The plugin releases all of the attachment's leases, which an ADD before this one has given."""
    put(tmp_path, at_10_7_0_2=b"pod\r\nnet1")
    full = [[{"subnet": "10.0.0.0/24"}], [{"subnet": "10.1.0.0/30"}]]
    assert await give(driver, "other", ranges=full[1:]) == ["10.1.0.2"]
    assert await refused(driver, ranges=full) == (
        "failed to allocate for range 1: no IP addresses available in range set: 10.1.0.1-10.1.0.2"
    )
    assert set(files(tmp_path)) == {"10.7.0.2", "10.1.0.2", "last_reserved_ip.0"}


async def test_delete_takes_all_of_the_attachment_and_succeeds_any_number_of_times(
    driver: HostLocal, tmp_path: Path
) -> None:
    await driver.delete(request("DEL"))
    assert not folder(tmp_path).exists()
    await give(driver, ranges=DUAL)
    await give(driver, ifname="net2", ranges=DUAL)
    for _ in range(2):
        await driver.delete(request("DEL", ranges=DUAL))
        assert {name for name in files(tmp_path) if "last" not in name} == {"10.0.0.3", "fd00::3"}


async def test_delete_does_not_mind_ranges_that_are_wrong_by_now(driver: HostLocal, tmp_path: Path) -> None:
    await give(driver)
    await driver.delete(request("DEL", subnet="nonsense", ranges=7, routes="x", cni_args="FOO=1"))
    assert set(files(tmp_path)) == {"last_reserved_ip.0"}


@pytest.mark.parametrize("legacy", [b"pod", b"pod\n", b" pod\r\n"])
async def test_leases_without_an_interface_are_the_containers(driver: HostLocal, tmp_path: Path, legacy: bytes) -> None:
    put(tmp_path, at_10_0_0_2=legacy, at_10_0_0_3=b"pods")
    assert "10.0.0.2 has been allocated to pod" in await refused(driver)
    await driver.check(request("CHECK", ifname="net7"))
    assert await give(driver, subnet="10.1.0.0/24") == ["10.1.0.2"]
    await driver.delete(request("DEL"))  # finds the one with its interface, and stops there
    assert {"10.0.0.2", "10.0.0.3"} <= set(files(tmp_path))
    await driver.delete(request("DEL", ifname="net7"))
    assert set(files(tmp_path)) == {"10.0.0.3", "last_reserved_ip.0"}


async def test_check_wants_a_lease_of_the_attachment(driver: HostLocal) -> None:
    missing = "host-local: Failed to find address added by container pod"
    assert await refused(driver, "CHECK") == missing
    await give(driver)
    await driver.check(request("CHECK"))
    assert await refused(driver, "CHECK", ifname="net2") == missing


async def test_folders_are_found_as_a_configuration_says_and_below_the_root(driver: HostLocal, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/state").symlink_to("/data")
    assert await give(driver, dataDir="/run/state/../state/./x") == ["10.0.0.2"]
    assert (tmp_path / "data/x/net/10.0.0.2").exists()
    assert await give(driver, dataDir="/../../../../run/up") == ["10.0.0.2"]
    assert (tmp_path / "run/up/net/10.0.0.2").exists()


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (request("ADD", network="../../etc"), ConfigError),
        (request("ADD", network=""), ConfigError),
        (request("ADD", dataDir="here"), ConfigError),
        (request("ADD", "../pod"), RequestError),
        (request("ADD", "pod\r\nx"), RequestError),
        (request("ADD", ifname="a/b"), RequestError),
        (request("ADD", ifname=""), RequestError),
    ],
)
async def test_names_that_would_lead_elsewhere_are_refused_by_every_verb(
    driver: HostLocal, tmp_path: Path, call: Call, kind: type[PlurimusError]
) -> None:
    for work in (driver.add, driver.delete, driver.check):
        with pytest.raises(kind):
            await work(call)
    assert list(tmp_path.iterdir()) == []


async def test_a_resolv_conf_that_cannot_be_read_fails_before_anything_is_given(
    driver: HostLocal, tmp_path: Path
) -> None:
    gone = {"resolvConf": "/etc/resolv.conf"}
    for verb in ("ADD", "STATUS"):
        assert await refused(driver, verb, **gone) == "open /etc/resolv.conf: no such file or directory"
    (tmp_path / "etc/resolv.conf").mkdir(parents=True)
    assert await refused(driver, **gone) == "open /etc/resolv.conf: is a directory"
    assert not folder(tmp_path).exists()


async def test_a_folder_that_cannot_be_is_named_by_add_and_status(driver: HostLocal, tmp_path: Path) -> None:
    await driver.status(request("STATUS"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(AttachmentError, match=r"cannot keep leases in .*/file/net: Not a directory") as failed:
        await give(driver, dataDir="/file")
    assert failed.value.code == 5
    with pytest.raises(AttachmentError, match=r"network 'net' .*/file is no folder.*'dataDir'") as failed:
        await driver.status(request("STATUS", dataDir="/file"))
    assert failed.value.code == 50


async def test_a_set_without_free_addresses_is_no_matter_of_status(driver: HostLocal) -> None:
    await give(driver, subnet="10.0.0.0/30")
    await driver.status(request("STATUS", subnet="10.0.0.0/30"))
    assert "too small" in await refused(driver, "STATUS", subnet="10.0.0.0/31")


async def test_networks_have_folders_of_their_own(driver: HostLocal) -> None:
    made = [addresses(await driver.add(request("ADD", network=name))) for name in ("net", "other")]
    assert made == [["10.0.0.2"], ["10.0.0.2"]]
