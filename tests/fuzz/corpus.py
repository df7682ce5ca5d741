"""Valid documents, by what reads them: mutations start here."""

from __future__ import annotations

import base64
import json
from typing import Any


def encoded(document: Any) -> str:
    """In base64, as records and bodies of requests have configurations."""
    return base64.b64encode(json.dumps(document).encode()).decode()


POD_ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_UID=uid-1;K8S_POD_INFRA_CONTAINER_ID=cid1"
ENVIRONMENT = {
    "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "cid1", "CNI_NETNS": "/run/netns/x", "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin", "CNI_ARGS": POD_ARGS, "CNI_NETNS_OVERRIDE": "",
}  # fmt: skip
ENVIRONMENTS = [ENVIRONMENT, *({**ENVIRONMENT, "CNI_COMMAND": verb} for verb in ("DEL", "CHECK", "GC", "STATUS"))]
HOST_LOCAL = {
    "type": "host-local", "dataDir": "/var/lib/cni/x", "resolvConf": "/etc/resolv.conf",
    "ranges": [[{"subnet": "10.0.0.0/24", "rangeStart": "10.0.0.5", "rangeEnd": "10.0.0.9", "gateway": "10.0.0.1"}],
               [{"subnet": "fd00::/64"}]],
    "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}],
}  # fmt: skip
WHEREABOUTS = {
    "type": "whereabouts", "range": "10.0.0.0/24", "range_start": "10.0.0.2", "exclude": ["10.0.0.8/30"],
    "ipRanges": [{"range": "fd00::/64"}], "network_name": "net", "gateway": "10.0.0.1", "node_slice_size": "/28",
    "kubernetes": {"kubeconfig": "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig"}, "log_file": "/tmp/x",
}  # fmt: skip
MACVLAN = {"cniVersion": "1.0.0", "name": "net", "type": "macvlan", "master": "rail0", "ipam": HOST_LOCAL}
SINGLE: list[Any] = [
    MACVLAN,
    {**MACVLAN, "ipam": WHEREABOUTS},
    {**MACVLAN, "capabilities": {"ips": True, "mac": True}, "runtimeConfig": {"mac": "02:00:00:00:00:01"},
     "args": {"cni": {"ips": ["10.0.0.7"], "sysctl": {"net.ipv4.ip_forward": "1"}}},
     "dns": {"nameservers": ["10.0.0.1"]}},
]  # fmt: skip
LISTS: list[Any] = [
    {"cniVersion": "1.0.0", "cniVersions": ["0.4.0", "1.0.0"], "name": "net", "disableCheck": "true",
     "plugins": [MACVLAN, {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "mtu": 1400}]},
    {"cniVersion": "1.1.0", "name": "net", "loadOnlyInlinedPlugins": True,
     "plugins": [{"type": "bridge", "bridge": "b0", "vlan": 7, "vlanTrunk": [{"minID": 1, "maxID": 5}],
                  "ipam": HOST_LOCAL}, {"type": "sbr"}]},
]  # fmt: skip
CONFIGURATIONS = SINGLE + LISTS
NETCONF: list[Any] = [
    {"cniVersion": "1.1.0", "name": "node", "type": "plurimus", "clusterNetwork": "cbr0",
     "cniDir": "/var/lib/cni/multus",
     "defaultNetworks": ["a"], "namespaceIsolation": True, "globalNamespaces": "a,b", "definitionFolders": ["/mnt"],
     "runtimeConfig": {"portMappings": [{"hostPort": 1, "containerPort": 2, "protocol": "tcp"}], "ips": ["10.0.0.2"]},
     "cni.dev/valid-attachments": [{"containerID": "cid1", "ifname": "eth0"}],
     "prevResult": {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0"}]}},
    {"cniVersion": "0.3.1", "name": "node", "type": "multus", "delegates": [MACVLAN, LISTS[0]], "kubeconfig": "/k"},
]  # fmt: skip
DAEMON: list[Any] = [
    {"socketDir": "/run/multus", "logOptions": {"maxAge": 5}, "connectionLimit": 3, "rails": {"0000:18:00.0": "rail0"},
     "perNodeCertificate": {"enabled": True, "bootstrapKubeconfig": "/k", "certDir": "/c", "certDuration": "10m"},
     "multusAutoconfigDir": "/etc/cni/net.d", "apiTimeout": 3.5, **NETCONF[0]},
]  # fmt: skip
RESULTS: list[Any] = [
    {"cniVersion": "1.0.0", "interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
     "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0}],
     "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400}], "dns": {"nameservers": ["10.0.0.1"]}},
    {"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0"}]},
     "ip6": {"ip": "fd00::2/64"}, "dns": {}},
    {"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "10.0.0.2/24"}]},
]  # fmt: skip
ERRORS: list[Any] = [{"cniVersion": "1.0.0", "code": 11, "msg": "later", "details": "d"}]
NETWORKS: list[Any] = [
    [{"name": "rail", "namespace": "ns", "interface": "net1", "ips": ["10.0.0.2/24"], "mac": "02:00:00:00:00:01",
      "default-route": ["10.0.0.1"], "cni-args": {"a": {"b": 1}}, "deviceID": "0000:18:02.1", "container": "c",
      "portMappings": [{"hostPort": 1, "containerPort": 2}], "bandwidth": {"egressRate": 5},
      "infiniband-guid": "02:00:00:00:00:00:00:01"}, {"name": "b"}],
]  # fmt: skip
SHORT = [b"ns/rail@net1, b ,c@eth7", b"rail"]
DEVICE_INFO: list[Any] = [
    {"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:18:02.1", "rdma-device": "mlx5_3"}},
    {"type": "vhost-user", "version": "1.0.0", "vhost-user": {"mode": "client", "path": "/p"}},
]
CHECKPOINT: list[Any] = [
    {"Data": {"PodDeviceEntries": [{"PodUID": "uid-1", "ContainerName": "c", "ResourceName": "example.com/vf",
                                    "DeviceIDs": {"-1": ["0000:18:02.1"]}, "AllocResp": ""}],
              "RegisteredDevices": {"example.com/vf": ["0000:18:02.1"]}}, "Checksum": 1},
]  # fmt: skip
KUBECONFIG: list[Any] = [
    {"apiVersion": "v1", "kind": "Config", "current-context": "c",
     "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
     "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:6443", "tls-server-name": "x"}}],
     "users": [{"name": "u", "user": {"token": "t0p-s3cret", "exec": None}}]},
    {"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
     "clusters": [{"name": "k", "cluster": {"server": "https://[::1]", "insecure-skip-tls-verify": True}}],
     "users": [{"name": "u", "user": {"exec": {
         "command": "true", "args": ["t0p-s3cret"], "apiVersion": "client.authentication.k8s.io/v1",
         "env": [{"name": "A", "value": "b"}]}}}]},
]  # fmt: skip
CACHED: list[Any] = [
    {"kind": "cniCacheV1", "containerId": "cid1", "config": "eyJjbmlWZXJzaW9uIjoiMS4wLjAifQ==", "ifName": "eth0",
     "networkName": "net", "cniArgs": [["K8S_POD_NAME", "pod"]], "capabilityArgs": {"mac": "02:00:00:00:00:01"},
     "result": RESULTS[0]},
]  # fmt: skip
MULTUS_RECORD: list[Any] = [
    [
        {
            "Conf": {},
            "ConfList": {"cniVersion": "1.1.0", "name": "net", "plugins": [{"type": "bridge"}]},
            "Name": "net",
            "Bytes": encoded(LISTS[1]),
        },
        {
            "Conf": MACVLAN,
            "ConfList": {},
            "Name": "ns/net",
            "ifnameRequest": "net1",
            "macRequest": "02:00:00:00:00:01",
            "infinibandGUIDRequest": "02:00:00:00:00:00:00:01",
            "ipRequest": ["10.0.0.2/24"],
            "default-route": ["10.0.0.1"],
            "deviceID": "0000:18:02.1",
            "resourceName": "example.com/vf",
            "Bytes": encoded(MACVLAN),
        },
    ],
    [
        {
            "Conf": {},
            "Name": "net",
            "Bytes": "e30=",
            "CNINetworkConfigList": {
                "Name": "net",
                "CNIVersion": "1.0.0",
                "DisableCheck": True,
                "Plugins": [{"Bytes": encoded(MACVLAN)}],
            },
        }
    ],
]
RECORD: list[Any] = [
    [{**element, "plurimus": {
        "format": 1, "netns": "/run/netns/x", "pod": {"namespace": "ns", "name": "pod", "uid": "uid-1"},
        "ifname": f"net{at}", "args": [["K8S_POD_NAME", "pod"]], "capabilityArgs": {"mac": "02:00:00:00:00:01"},
        "isDefault": at == 0, "cookie": "4026532257", "underWay": at == 1}}
     for at, element in enumerate(MULTUS_RECORD[0])],
]  # fmt: skip
NEEDS: list[Any] = [{"version": 1, "bytes": {"bridge": 8 * 2**20, "macvlan": 2**20}}]
STATIC: list[Any] = [
    {**MACVLAN, "ipam": {"type": "static", "addresses": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}],
                         "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}], "dns": {"nameservers": ["10.0.0.1"]}}},
    {**MACVLAN, "ipam": {"type": "static"}, "runtimeConfig": {"ips": ["10.0.0.7/24", "fd00::7/64"]},
     "args": {"cni": {"ips": ["10.0.0.8/24"]}}},
]  # fmt: skip
BRIDGE: list[Any] = [
    {
        "name": "n",
        "type": "bridge",
        "bridge": "b0",
        "vlanTrunk": [{"minID": 1, "maxID": 5}, {"id": 7}],
        "mtu": 1400,
        "isGateway": True,
        "ipMasq": True,
        "ipMasqBackend": "nftables",
        "ipam": {"type": "static"},
        "dns": {"nameservers": ["10.0.0.1"]},
        "args": {"cni": {"mac": "02:00:00:00:00:01"}},
        "runtimeConfig": {"mac": "02:00:00:00:00:02"},
    },
]
SRIOV: list[Any] = [
    {"IPAM": {"type": "host-local"}, "deviceID": "0000:18:02.1", "Master": "eth0", "VFID": 1, "ContIFNames": "net1",
     "OrigVfState": {"HostIFName": "eth5", "SpoofChk": True, "Trust": False, "AdminMAC": "02:00:00:00:00:01", "Vlan": 1,
                     "VlanQoS": 0, "VlanProto": 33024, "MinTxRate": 0, "MaxTxRate": 0, "LinkState": 0, "MTU": 1500}},
]  # fmt: skip
PROGRAM = [b"PATH=/bin\n/usr/bin/python3\n-m\nplurimus\n"]
RESOLV = [b"nameserver 10.0.0.1\nsearch a b\noptions ndots:5\ndomain x\n# c\n"]
PATTERNS = [rb"^net\.ipv4\..*$", rb"(?i:a|b)+[^\d\pL]{2,5}\x{41}\b(?P<n>x)", b"(a*)*b", rb"[[:alpha:]-z]\Qa.b\E"]


def shaped(document: Any) -> bytes:
    """As JSON, for what starts from bytes."""
    return json.dumps(document).encode()
