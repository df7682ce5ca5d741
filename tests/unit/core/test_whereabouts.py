"""The configuration of whereabouts, key by key (cases 40, 41, 49 and 50)."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni.errors import Code, ConfigError, PlurimusError, RequestError
from plurimus.cni.result import DNS, IPConfig, Route
from plurimus.core import whereabouts, whereaboutskeys
from plurimus.core.whereabouts import Settings
from plurimus.core.whereaboutskeys import Ipam

POD = (("IgnoreUnknown", "1"), ("K8S_POD_NAMESPACE", "ns"), ("K8S_POD_NAME", "trainer"))


def conf(ipam: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "name": "rail", "type": "macvlan", "ipam": {"type": "whereabouts", **ipam}, **more}


def read(ipam: dict[str, Any], *args: tuple[str, str], flat: dict[str, Any] | None = None, **more: Any) -> Settings:
    document = conf(ipam, **more)
    own = whereaboutskeys.own(document)
    whole = own if flat is None else whereaboutskeys.merged(own, whereaboutskeys.flat(flat, "/flat.conf"))
    return whereabouts.settings(whole, document, (*POD, *args))


def refused(kind: type[PlurimusError], words: str, ipam: dict[str, Any], *args: tuple[str, str], **more: Any) -> None:
    with pytest.raises(kind, match=words) as raised:
        read(ipam, *args, **more)
    assert raised.value.code == Code.INVALID_CONFIG
    assert "network configuration 'rail'" in raised.value.msg


def test_every_key_is_read() -> None:
    found = read(
        {
            "range": "10.0.0.0/24",
            "range_start": "10.0.0.5",
            "range_end": "10.0.0.9",
            "exclude": ["10.0.0.6"],
            "ipRanges": [{"range": "fd00::/64", "range_start": "fd00::5", "exclude": ["fd00::6/127"]}],
            "gateway": "10.0.0.254",
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.0.0.253"}],
            "dns": {"nameservers": ["10.0.0.53"]},
            "addresses": [{"address": "192.168.0.5/24", "gateway": "192.168.0.1"}],
            "network_name": "rail0",
            "node_slice_size": "/26",
            "kubernetes": {"kubeconfig": "/etc/cni/net.d/kube", "k8s_api_root": "ignored"},
            "leader_lease_duration": 1500,
            "log_level": "debug",
            "datastore": "kubernetes",
        }
    )
    assert [str(each) for each in found.ranges] == [
        "10.0.0.0/24 (10.0.0.5 to 10.0.0.9)",
        "fd00::/64 (fd00::5 to fd00::ffff:ffff:ffff:fffe)",
    ]
    assert [len(each.excluded) for each in found.ranges] == [1, 1]
    assert (found.network, found.network_name, found.podref) == ("rail", "rail0", "ns/trainer")
    assert (found.unique, found.slice_size, found.slice_length) == (True, "/26", 26)
    assert found.routes == (Route("0.0.0.0/0"), Route("10.9.0.0/16", "10.0.0.253"))
    assert found.addresses == (IPConfig("192.168.0.5/24", gateway="192.168.0.1"),)
    assert found.dns == DNS(["10.0.0.53"])
    assert found.odd == ()
    assert found.ipam.kubernetes.kubeconfig == "/etc/cni/net.d/kube"


def test_a_gateway_is_that_of_its_own_family() -> None:
    """The original puts it on every address."""
    found = read({"range": "10.0.0.0/24", "ipRanges": [{"range": "fd00::/64"}], "gateway": "10.0.0.1"})
    four, six = (each.address(each.first) for each in found.ranges)
    assert (found.gateway_of(four), found.gateway_of(six)) == ("10.0.0.1", "")


def test_without_a_range_there_is_none() -> None:
    assert read({}).ranges == ()
    assert read({"addresses": [{"address": "10.0.0.5/24"}]}).addresses == (IPConfig("10.0.0.5/24"),)


def test_keys_match_in_any_case_and_unknown_ones_are_ignored() -> None:
    assert read({"Range": "10.0.0.0/24", "IPRANGES": None, "sleep_for_rename": 3}).ranges[0].network.prefixlen == 24


@pytest.mark.parametrize(
    ("ipam", "words"),
    [
        ({"range": "10.0.0.0/31"}, "too short"),
        ({"range": "ten"}, "range 'ten'"),
        ({"range": "10.0.0.0/24", "exclude": ["ten"]}, "exclude 'ten'"),
        ({"range": 5}, r"Expected `str`.*\$\.ipam\.range"),
        ({"exclude": "10.0.0.1"}, r"Expected `array`.*\$\.ipam\.exclude"),
        ({"ipRanges": [{"range": "10.0.0.0/24", "range_start": "ten"}]}, "'ten' is no IP address"),
        ({"ipRanges": [{}]}, "range '': expected a prefix"),
        ({"range": "10.0.0.0/24", "ipRanges": [{"range": "10.0.0.9/24"}]}, "10.0.0.0/24 is there twice"),
        ({"gateway": "ten"}, "'ten' is no IP address"),
        ({"addresses": [{"address": "10.0.0.5"}]}, "address '10.0.0.5': expected an address with the length"),
        ({"addresses": [{"address": "10.0.0.5/24", "gateway": "ten"}]}, "'ten' is no IP address"),
        ({"routes": [{"dst": "ten"}]}, "route to 'ten'"),
        ({"routes": [{"gw": "10.0.0.1"}]}, "missing required field `dst`"),
        ({"range": "10.0.0.0/24", "node_slice_size": "23"}, "node_slice_size '23': expected .* /24 to /30"),
        ({"range": "10.0.0.0/24", "node_slice_size": "31"}, "node_slice_size '31'"),
        ({"range": "10.0.0.0/24", "node_slice_size": "big"}, "node_slice_size 'big'"),
        ({"range": "fd00::/64", "node_slice_size": "/127"}, "/64 to /126"),
    ],
)
def test_a_bad_value_is_named(ipam: dict[str, Any], words: str) -> None:
    refused(ConfigError, words, ipam)


@pytest.mark.parametrize("name", ["Rail", "rail_0", "-rail", "rail-", "rail/0"])
def test_a_name_that_no_object_may_have_is_refused(name: str) -> None:
    words = "objects of the cluster are named after it"
    refused(ConfigError, f"network_name '{name}': {words}", {"range": "10.0.0.0/24", "network_name": name})
    sliced = {"range": "10.0.0.0/24", "node_slice_size": "26"}
    with pytest.raises(ConfigError, match=f"name '{name}': {words}"):
        read(sliced, name=name)
    assert read({"range": "10.0.0.0/24"}, name=name).network == name
    assert read({**sliced, "network_name": "rail"}, name=name).network_name == "rail"


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/cni/../shadow", "/etc/cnix/a", "etc/cni/a", "/", "/etc/./cni/../../dev/zero", "/etc/cni/\0"],
)
def test_a_network_does_not_name_any_file_of_the_node(path: str) -> None:
    """Its author may not read the node's files; the node's own file may name any."""
    words = "is not below /etc/cni, .*whereabouts.conf"
    refused(ConfigError, f"configuration_path .* {words}", {"configuration_path": path})
    refused(ConfigError, f"kubernetes.kubeconfig .* {words}", {"kubernetes": {"kubeconfig": path}})
    assert read({}, flat={"kubernetes": {"kubeconfig": path}}).ipam.kubernetes.kubeconfig == path


@pytest.mark.parametrize(
    "path", ["/etc/cni/a", "/etc//cni/./net.d", "/etc/kubernetes/cni/a", "/host/etc/cni/a", "/etc/cni"]
)
def test_a_network_names_files_where_whereabouts_puts_its_own(path: str) -> None:
    found = read({"configuration_path": path, "kubernetes": {"kubeconfig": path}}).ipam
    assert (found.configuration_path, found.kubernetes.kubeconfig) == (path, path)


@pytest.mark.parametrize("name", ["../../v1", "a/b", "a.b", "A", "-a", "a-", "a" * 64, "a?b", "é"])
def test_a_namespace_that_is_none_is_refused(name: str) -> None:
    words = "is no name of a namespace"
    refused(
        ConfigError, f"kubernetes.namespace .* {words}", {"range": "10.0.0.0/24", "kubernetes": {"namespace": name}}
    )
    sound = {"range": "10.0.0.0/24", "kubernetes": {"namespace": "a" * 63}}
    assert read(sound).ipam.kubernetes.namespace == "a" * 63


@pytest.mark.parametrize(("ipam", "words"), [(None, "it has no 'ipam'"), ({"type": "static"}, "IPAM type 'static'")])
def test_the_configuration_of_another_plugin_is_refused(ipam: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        whereaboutskeys.own({"name": "rail", "ipam": ipam})


def test_an_end_that_does_not_count_is_told() -> None:
    """They are ignored as by the original, which does not say so."""
    found = read({"range": "10.0.0.0/24", "range_start": "ten", "range_end": "10.0.1.9"})
    assert str(found.ranges[0]) == "10.0.0.0/24 (10.0.0.1 to 10.0.0.254)"
    assert found.odd == (
        "range_start 'ten' is no IP address and ignored",
        "range_end '10.0.1.9' is not usable in 10.0.0.0/24 and ignored",
    )


def test_addresses_may_be_asked_for() -> None:
    found = read(
        {"addresses": [{"address": "10.0.0.5/24"}]},
        ("IP", "10.1.0.5/16, fd00::5/64"),
        ("GATEWAY", "10.1.0.1,10.0.0.1"),
    )
    assert found.addresses == (
        IPConfig("10.0.0.5/24", gateway="10.0.0.1"),
        IPConfig("10.1.0.5/16", gateway="10.1.0.1"),
        IPConfig("fd00::5/64"),
    )


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("IP", "10.0.0.5", "an address with the length of its prefix"),
        ("IP", "10.0.0.6/24,ten", "an address with the length of its prefix"),
        ("GATEWAY", "ten", "an address"),
    ],
)
def test_bad_arguments_are_the_requests_fault_and_are_not_told(key: str, value: str, expected: str) -> None:
    words = f"CNI_ARGS: {key}: expected {expected}$"
    refused(RequestError, words, {"addresses": [{"address": "10.0.0.5/24"}]}, (key, value))


@pytest.mark.parametrize("version", ["", "0.1.0", "0.2.0"])
def test_old_versions_have_one_static_address_per_family(version: str) -> None:
    one_each = {"addresses": [{"address": "10.0.0.5/24"}, {"address": "fd00::5/64"}]}
    assert len(read(one_each, cniVersion=version).addresses) == 2
    refused(ConfigError, "one address per family", one_each, ("IP", "10.0.0.6/24"), cniVersion=version)


def test_without_a_pod_there_is_no_owner() -> None:
    document = conf({})
    assert whereabouts.settings(whereaboutskeys.own(document), document, ()).podref == ""


FLAT = {
    "range": "10.9.0.0/16",
    "exclude": ["10.9.0.1"],
    "gateway": "10.9.255.254",
    "kubernetes": {"kubeconfig": "/flat", "namespace": "flat"},
    "dns": {"domain": "flat"},
    "enable_overlapping_ranges": False,
    "point_to_point": True,
}


def test_the_nodes_file_fills_what_the_network_leaves_empty() -> None:
    own = {"range": "10.0.0.0/24", "exclude": [], "gateway": "", "kubernetes": {"namespace": "own"},
           "dns": {"nameservers": ["10.0.0.53"]}, "point_to_point": False}  # fmt: skip
    found = read(own, flat=FLAT)
    assert [str(each.network) for each in found.ranges] == ["10.0.0.0/24"]
    assert found.ipam.exclude == ["10.9.0.1"]
    assert found.gateway == "10.9.255.254"
    assert (found.ipam.kubernetes.kubeconfig, found.ipam.kubernetes.namespace) == ("/flat", "own")
    assert found.dns == DNS(["10.0.0.53"], "flat")
    assert found.point_to_point


@pytest.mark.parametrize(("own", "expected"), [({}, True), ({"enable_overlapping_ranges": False}, False)])
def test_the_nodes_file_does_not_say_whether_ranges_overlap(own: dict[str, Any], expected: bool) -> None:
    assert read(own, flat=FLAT).unique is expected
    assert read(own, flat=FLAT | {"enable_overlapping_ranges": True}).unique is expected


def test_a_list_is_not_put_together() -> None:
    assert read({"range": "10.0.0.0/24", "exclude": ["10.0.0.9"]}, flat=FLAT).ipam.exclude == ["10.0.0.9"]


@pytest.mark.parametrize(("content", "words"), [([], "got a list"), ({"range": 5}, r"\$\.range")])
def test_a_bad_file_of_the_node_is_named(content: object, words: str) -> None:
    with pytest.raises(ConfigError, match=f"/flat.conf: .*{words}"):
        whereaboutskeys.flat(content, "/flat.conf")


def test_where_an_add_may_have_allocated_is_known_whatever_else_is_wrong() -> None:
    ipam = Ipam(range="10.0.0.9-10.0.0.5/24", exclude=["ten"], gateway="ten", ip_ranges=[])
    assert [str(each) for each in whereabouts.networks(ipam)] == ["10.0.0.0/24"]
    assert whereabouts.networks(Ipam(range="ten")) == []
