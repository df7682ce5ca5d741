"""Messages of gRPC APIs of kubelet and container runtimes as Google's own library knows them, from their numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"string": _FIELD.TYPE_STRING, "int64": _FIELD.TYPE_INT64, "uint64": _FIELD.TYPE_UINT64,
            "int32": _FIELD.TYPE_INT32, "bool": _FIELD.TYPE_BOOL}  # fmt: skip


def _messages(package: str, schema: dict[str, str]) -> Any:
    """Classes for `schema`: per message its fields, each `number name type`, with `*` before what is repeated."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, text in schema.items():
        message = file.message_type.add(name=name)
        for each in filter(None, text.split(", ")):
            number, field, kind = each.split()
            label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field, number=int(number), label=label)
            kind = kind.lstrip("*")
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type, added.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in schema}
    return SimpleNamespace(**{name: message_factory.GetMessageClass(each) for name, each in found.items()})


POD_RESOURCES = _messages(
    "v1",
    {
        "ListPodResourcesRequest": "",
        "ListPodResourcesResponse": "1 pod_resources *PodResources",
        "GetPodResourcesRequest": "1 pod_name string, 2 pod_namespace string",
        "GetPodResourcesResponse": "1 pod_resources PodResources",
        "PodResources": "1 name string, 2 namespace string, 3 containers *ContainerResources",
        "ContainerResources": "1 name string, 2 devices *ContainerDevices, 3 cpu_ids *int64, "
        "4 memory *ContainerMemory, 5 dynamic_resources *DynamicResource",
        "ContainerDevices": "1 resource_name string, 2 device_ids *string, 3 topology TopologyInfo",
        "TopologyInfo": "1 nodes *NUMANode",
        "NUMANode": "1 ID int64",
        "ContainerMemory": "1 memory_type string, 2 size uint64, 3 topology TopologyInfo",
        "DynamicResource": "2 claim_name string, 3 claim_namespace string, 4 claim_resources *ClaimResource",
        "ClaimResource": "1 cdi_devices *CDIDevice, 2 driver_name string, 3 pool_name string, 4 device_name string",
        "CDIDevice": "1 name string",
    },
)
"""k8s.io/kubelet: pkg/apis/podresources/v1."""

DEVICE_PLUGIN = _messages(
    "v1beta1",
    {
        "Empty": "",
        "DevicePluginOptions": "1 pre_start_required bool, 2 get_preferred_allocation_available bool",
        "RegisterRequest": "1 version string, 2 endpoint string, 3 resource_name string, 4 options DevicePluginOptions",
        "ListAndWatchResponse": "1 devices *Device",
        "Device": "1 ID string, 2 health string, 3 topology TopologyInfo",
        "TopologyInfo": "1 nodes *NUMANode",
        "NUMANode": "1 ID int64",
        "AllocateRequest": "1 container_requests *ContainerAllocateRequest",
        "ContainerAllocateRequest": "1 devices_ids *string",
        "AllocateResponse": "1 container_responses *ContainerAllocateResponse",
        "ContainerAllocateResponse": "",
        "PreferredAllocationRequest": "1 container_requests *ContainerPreferredAllocationRequest",
        "ContainerPreferredAllocationRequest": "1 available *string, 2 must_include *string, 3 allocation_size int32",
        "PreferredAllocationResponse": "1 container_responses *ContainerPreferredAllocationResponse",
        "ContainerPreferredAllocationResponse": "1 chosen *string",
    },
)
"""k8s.io/kubelet: pkg/apis/deviceplugin/v1beta1."""

PLUGIN_REGISTRATION = _messages(
    "pluginregistration",
    {
        "InfoRequest": "",
        "PluginInfo": "1 type string, 2 name string, 3 endpoint string, 4 supported_versions *string",
        "RegistrationStatus": "1 plugin_registered bool, 2 error string",
        "RegistrationStatusResponse": "",
    },
)
"""k8s.io/kubelet: pkg/apis/pluginregistration/v1."""

DRA = _messages(
    "k8s.io.kubelet.pkg.apis.dra.v1",
    {
        "Claim": "1 namespace string, 2 uid string, 3 name string",
        "NodePrepareResourcesRequest": "1 claims *Claim",
        "NodePrepareResourcesResponse": "1 claims *Prepared",
        "Prepared": "1 key string, 2 value NodePrepareResourceResponse",
        "NodePrepareResourceResponse": "1 devices *Device, 2 error string",
        "Device": "1 request_names *string, 2 pool_name string, 3 device_name string, 4 cdi_device_ids *string",
        "NodeUnprepareResourcesRequest": "1 claims *Claim",
        "NodeUnprepareResourcesResponse": "1 claims *Unprepared",
        "Unprepared": "1 key string, 2 value NodeUnprepareResourceResponse",
        "NodeUnprepareResourceResponse": "1 error string",
    },
)
"""k8s.io/kubelet: pkg/apis/dra/v1; a map is on the wire what a list of its keys and values is."""

CRI = _messages(
    "runtime.v1",
    {
        "ListPodSandboxRequest": "1 filter PodSandboxFilter",
        "PodSandboxFilter": "1 id string",
        "ListPodSandboxResponse": "1 items *PodSandbox",
        "PodSandbox": "1 id string, 2 metadata PodSandboxMetadata, 3 state int32, 4 created_at int64, "
        "5 labels *Label, 7 runtime_handler string",
        "PodSandboxMetadata": "1 name string, 2 uid string, 3 namespace string, 4 attempt uint64",
        "Label": "1 key string, 2 value string",
    },
)
"""k8s.io/cri-api: pkg/apis/runtime/v1; an enum is on the wire what a number is, a map what a list of its entries is."""
