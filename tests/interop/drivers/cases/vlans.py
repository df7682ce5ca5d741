"""Cases of `bridge` with VLANs: plugins spec section 18, cases 18 to 22; the machine's own kernel may filter none."""

from __future__ import annotations

from typing import Any

from ..case import ADD, DEL, Cases, conf, host_local, verb

CASES = Cases()
V4 = host_local("10.1.2.0/24")
KEYS: dict[str, dict[str, Any]] = {
    "vlan 100": {"vlan": 100},
    "vlan 100, addresses": {"vlan": 100, "ipam": V4},
    "vlan 100, gateway": {"vlan": 100, "isGateway": True, "ipam": V4},
    "vlan 100, default gateway, dual": {
        "vlan": 100,
        "isDefaultGateway": True,
        "ipam": host_local("10.1.2.0/24", "fd01:2::/64"),
    },
    "vlan 100 and the default's": {"vlan": 100, "preserveDefaultVlan": True},
    "trunk": {"vlanTrunk": [{"minID": 200, "maxID": 203}, {"id": 300}, {"id": 201}]},
    "trunk of range and id": {"vlanTrunk": [{"minID": 200, "maxID": 203, "id": 9}]},
    "trunk and vlan": {"vlan": 100, "vlanTrunk": [{"id": 300}]},
    "trunk and the default's": {"vlanTrunk": [{"id": 300}], "preserveDefaultVlan": True},
    "trunk of nothing": {"vlanTrunk": []},
    "vlan 100, all options": {
        "vlan": 100,
        "mtu": 1400,
        "hairpinMode": True,
        "portIsolation": True,
        "macspoofchk": True,
    },
}
FILTERING = "ip link add br0 address 02:00:00:00:00:50 type bridge vlan_filtering 1; ip link set br0 up\n"
for title, keys in KEYS.items():
    # the gateway's veth is a second port, and which port has the lower address is chance
    setup = FILTERING if "gateway" in title else ""
    CASES.add(title, "bridge", conf("bridge", bridge="br0", **keys), setup=setup, vm=True)
PLAIN = "ip link add br0 address 02:00:00:00:00:50 type bridge; ip link set br0 up\n"
CASES.add("vlan 100 on a bridge that filters none", "bridge", conf("bridge", bridge="br0", vlan=100), setup=PLAIN,
          steps=(ADD, DEL), vm=True)  # fmt: skip
GATED = conf("bridge", bridge="br0", vlan=100, isGateway=True, ipam=V4)
CASES.add("vlan 100, two interfaces", "bridge", GATED, vm=True,
          setup=FILTERING,
          steps=(ADD, verb("ADD", ifname="eth1"), DEL, verb("DEL", ifname="eth1")))  # fmt: skip
