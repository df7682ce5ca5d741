"""Capability args of each attachment: the runtime's, the pod's, the device's (F26 to F35, S24 to S27)."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni import conf
from plurimus.core import netconf, plan
from plurimus.core.devices import Allocation
from plurimus.core.plan import DEVICE_INFO_DIR
from tests.allocations import allocation

from .builders import CONTAINER, POD, config, default_delegate, delegate, environment, make, node, only

GUID = "c2:11:22:33:44:55:66:77"
PORT = {"hostPort": 80, "containerPort": 8080}
RATES = {"ingressRate": 1, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}
RUNTIME = {"portMappings": [PORT], "bandwidth": RATES, "mac": "02:00:00:00:00:99"}
RESOURCE = "example.com/vf"


def default_by_annotation(wants: dict[str, Any], **keys: Any) -> dict[str, Any]:
    made = plan.make(environment(), node(**keys), POD, [default_delegate(wants=wants)], Allocation())
    return dict(made.attachments[0].capability_args)


def test_the_runtimes_values_go_to_the_default_network_only() -> None:
    """F26, S24: the pod's host ports do not reach a second network."""
    made = make(delegate("a"), delegate("b", wants={}), runtimeConfig=RUNTIME)
    assert [attachment.capability_args for attachment in made.attachments] == [RUNTIME, {}, {}]


@pytest.mark.parametrize(
    ("wants", "expected"),
    [
        pytest.param({"ips": ["10.0.0.2"]}, {"ips": ["10.0.0.2"]}, id="F29-ips"),
        pytest.param({"mac": "02:00:00:00:00:01"}, {"mac": "02:00:00:00:00:01"}, id="F30-mac"),
        pytest.param({"infiniband-guid": GUID}, {"infinibandGUID": GUID}, id="F31-guid"),
        pytest.param({"portMappings": [PORT]}, {"portMappings": [PORT]}, id="F32-ports"),
        pytest.param({"bandwidth": {"ingressRate": 1}}, {"bandwidth": RATES}, id="F33-all-four-rates"),
        pytest.param({"ips": [], "portMappings": [], "mac": ""}, {}, id="empty-is-absent"),
        pytest.param({"cni-args": {"x": 1}, "default-route": []}, {}, id="others-are-no-capability"),
    ],
)
def test_the_pods_values_become_capability_args(wants: dict[str, Any], expected: dict[str, Any]) -> None:
    assert only(delegate("a", wants=wants), runtimeConfig=RUNTIME).capability_args == expected


def test_a_default_network_by_annotation_gets_both() -> None:
    """S25: the pod's values replace the runtime's key by key."""
    asked = {"mac": "02:00:00:00:00:01", "ips": ["10.0.0.2"]}
    assert default_by_annotation(asked, runtimeConfig=RUNTIME) == RUNTIME | asked


def info_file(name: str, ifname: str) -> str:
    return f"{DEVICE_INFO_DIR}/{name}-{CONTAINER}_{ifname}"


def test_an_allocated_device_is_a_capability_arg() -> None:
    """F49, F50: with the file its information is to be put in."""
    attachment = only(delegate("a", resource_name=RESOURCE), allocated={RESOURCE: ["v1"]})
    assert attachment.capability_args == {"deviceID": "v1", "CNIDeviceInfoFile": info_file("pod-ns-a", "net1")}
    assert (attachment.device_id, attachment.resource_name) == ("v1", RESOURCE)


def test_a_device_of_the_annotation_is_a_capability_arg_and_nothing_else() -> None:
    """F35, spec section 4.4: it is not written into the configuration."""
    attachment = only(delegate("a", wants={"deviceID": "d1", "interface": "x1"}))
    assert attachment.capability_args == {"deviceID": "d1", "CNIDeviceInfoFile": info_file("pod-ns-a", "x1")}
    assert (attachment.config.plugins[0].get("deviceID"), attachment.device_id) == (None, "")


def test_a_device_of_the_annotation_is_the_one_of_those_allocated() -> None:
    """F35."""
    asked = delegate("a", wants={"deviceID": "v2"}, resource_name=RESOURCE)
    attachment = only(asked, allocated={RESOURCE: ["v1", "v2"]})
    assert attachment.capability_args["deviceID"] == attachment.device_id == "v2"


def test_the_default_network_gets_its_device_too() -> None:
    """S25: one count of devices for the whole pod, the default network first (S8)."""
    chosen = [default_delegate(resource_name=RESOURCE), delegate("a", resource_name=RESOURCE)]
    made = plan.make(environment(), node(), POD, chosen, allocation({RESOURCE: ["v2", "v1"]}))
    assert [attachment.capability_args for attachment in made.attachments] == [
        {"deviceID": "v2", "CNIDeviceInfoFile": info_file("cbr0", "eth0")},
        {"deviceID": "v1", "CNIDeviceInfoFile": info_file("pod-ns-a", "net1")},
    ]


@pytest.mark.parametrize(
    ("wants", "capability"),
    [
        pytest.param({"portMappings": [PORT]}, "portMappings", id="ports"),
        pytest.param({"bandwidth": {}}, "bandwidth", id="bandwidth"),
        pytest.param({"infiniband-guid": GUID}, "infinibandGUID", id="guid"),
    ],
)
@pytest.mark.parametrize("declared", [{}, {"other": True}, "false"], ids=["none", "another", "false"])
def test_a_capability_no_plugin_declares_is_warned_about(
    wants: dict[str, Any], capability: str, declared: dict[str, bool] | str
) -> None:
    """S27."""
    capabilities = {capability: False} if declared == "false" else declared
    made = make(delegate("a", wants=wants, config=config(chain=2, capabilities=capabilities)))
    (warning,) = made.warnings
    assert "'pod-ns/a'" in warning
    assert f"'{capability}'" in warning


@pytest.mark.parametrize(
    ("wants", "capabilities"),
    [
        pytest.param({"portMappings": [PORT]}, {"portMappings": True}, id="declared"),
        pytest.param({"mac": "02:00:00:00:00:01", "ips": ["10.0.0.2"]}, {}, id="also-in-cni-args"),
        pytest.param({"deviceID": "d1"}, {}, id="device"),
        pytest.param({}, {}, id="nothing-asked"),
    ],
)
def test_nothing_to_warn_about(wants: dict[str, Any], capabilities: dict[str, bool]) -> None:
    """S27."""
    assert make(delegate("a", wants=wants, config=config(capabilities=capabilities))).warnings == ()


def test_what_only_the_runtime_sent_is_not_warned_about() -> None:
    """S27: the pod asked for nothing."""
    assert make(runtimeConfig=RUNTIME).warnings == ()


def test_what_a_pod_asks_of_its_default_network_is_warned_about() -> None:
    """S27, F39: the default network is no exception for what the annotation asks."""
    chosen = default_delegate(wants={"infiniband-guid": GUID})
    (warning,) = plan.make(environment(), node(), POD, [chosen], Allocation()).warnings
    assert "'infinibandGUID'" in warning


def test_nothing_of_the_overlay_reaches_a_delegate() -> None:
    """S26."""
    inline = {"cniVersion": "1.0.0", "name": "net", "type": "macvlan", "master": "eth0"}
    overlay = {
        "cniVersion": "0.3.1",
        "name": "x",
        "logLevel": "debug",
        "logFile": "/l",
        "binDir": "/b",
        "capabilities": {"mac": True},
    }
    merged = netconf.parse({"name": "multus-cni-network", "delegates": [inline]}, overlay=overlay)
    chosen = default_delegate(config=conf.parse(merged.delegates[0]))
    (attachment,) = plan.make(environment(), merged, POD, [chosen], Allocation()).attachments
    assert conf.parse(attachment.config.encode()) == conf.parse(inline)
    assert dict(attachment.capability_args) == {}
