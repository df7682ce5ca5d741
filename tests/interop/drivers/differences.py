"""Where a driver and its plugin differ, on purpose: the one table; its words are those of docs/reference/drivers.md."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Known:
    """The cases, what differs there (`VERB: aspect`), both by shell patterns, and the document's words."""

    type: str
    cases: tuple[str, ...]
    differs: tuple[str, ...]
    documented: str

    def matches(self, case: str) -> bool:
        return any(fnmatchcase(case, f"{self.type}: {pattern}") for pattern in self.cases)


_INTERFACE_FIRST = "DEL deletes the interface first"
_NEEDS_LITTLE = "It needs neither master nor namespace, nor settings that are right by now"
_OTHERS_STAY = "it leaves what is no VRF, and a port of another"
_TIDY = "DEL empties the tables of its rules"
_TOLERANT = "and succeeds without a namespace"
_IPAM_FIRST = "IPAM is asked before an interface is made"
_NOTHING_LEFT = "leaves neither interface nor address"
_NO_FOLDER = "DEL, CHECK and GC of a network without a folder make none"
_NO_IPAM = "CHECK needs no IPAM"
_BRIDGE_STAYS = "leaves neither interface nor rule nor address; only the bridge stays"
_REFUSED = "A configuration that cannot be and a namespace that cannot be opened are refused before IPAM is asked"
_LEAST = "only `ipMasq`, `macspoofchk` and `ipam` are read of the configuration"
_RULES_END = "Rules end without a namespace and without an interface, too"
_NO_COMMENTS = "By nftables, table and chains have no comments"
_AS_IT_WAS = "an ADD that fails leaves it as it was: name, alias, up or down"
_DEL_MINDS = "DEL does not mind a configuration that ADD refuses"
_REPEATED = "DEL can be repeated, and needs neither the namespace nor the configuration that ADD needs"
_ROUTE_TABLES = "CHECK finds routes in tables of their own"
_METRICS = "`mtu` and `advmss` of routes have an effect"
_EMPTY_RESULT = "An interface without addresses has an empty result in versions before 0.3.0"
_AS_BRIDGE = "what is said of failures, DEL, GC, masquerading and routes at [`bridge`](#bridge)"
KNOWN: tuple[Known, ...] = (
    Known("bridge", ("layer 2, *", "mtu, layer 2", "*Mode, layer 2", "portIsolation, layer 2", "enabledad, layer 2",
                     "macspoofchk, layer 2", "all that go together, layer 2", "ipMasq, layer 2", "mac: runtime",
                     "version 0.4.0, layer 2", "version 1.1.0, layer 2", "bridge there already, layer 2", "mac: args",
                     "mac: variable", "mac: all different", "mac: args and variable", "mac: upper case", "mtu -1",
                     "disableContainerInterface", "bridge there already, promiscuous", "vlan 100",
                     "vlan 100 and the default's", "vlan 100, all options", "trunk", "trunk *"), ("CHECK: outcome",),
          _NO_IPAM),
    Known("bridge", ("version 0.1.0, layer 2", "version 0.2.0, layer 2", "version none, layer 2"), ("ADD: outcome",),
          _EMPTY_RESULT),
    Known("bridge", ("a table", "a table, *"), ("CHECK: outcome",), _ROUTE_TABLES),
    Known("bridge", ("mtu and advmss*",), ("ADD: pod routes 4",), _METRICS),
    Known("bridge", ("a default route without a gateway, default gateway",),
          ("ADD: outcome", "ADD: files", "CHECK: outcome", "*: node *"),
          "A default route of IPAM's without a gateway is one"),
    Known("bridge", ("ipMasq nftables, *", "namespace gone, ipMasq nftables", "no namespace told, ipMasq nftables",
                     "interface gone, ipMasq nftables"), ("ADD*: firewall", "DEL*: firewall"), _NO_COMMENTS),
    Known("bridge", ("ipMasq iptables, two interfaces",), ("DEL: outcome", "DEL: firewall"),
          "which the plugin deletes with the first of them"),
    Known("bridge", ("* gone, ipMasq iptables", "no namespace told, ipMasq iptables", "namespace gone, macspoofchk",
                     "no namespace told, macspoofchk"), ("DEL*: firewall",), _RULES_END),
    Known("bridge", ("ipMasqBackend bogus",), ("ADD: *", "DEL*: files", "DEL*: firewall", "DEL*: node *"),
          "`ipMasqBackend` and an `mtu` no interface has are refused at once"),
    Known("bridge", ("mac: not one", "mac: not one in the variable", "mac: multicast", "no such namespace, *"),
          ("ADD: node *", "DEL*: node *"), _REFUSED),
    Known("bridge", ("mac in the variables and host-local",),
          ("ADD: node *", "ADD: pod *", "DEL*: node *", "DEL*: outcome"), _REFUSED),
    Known("bridge", ("refused: vlan *", "refused: trunk *", "refused: mtu of another type",
                     "documented: the interface down, a text"), ("DEL*: outcome",), _LEAST),
    Known("bridge", ("refused: unknown variable",), ("*: outcome", "ADD: pod *", "*: node *"),
          "CNI_ARGS may have keys that nobody knows"),
    Known("bridge", ("refused: no interface and ipam", "no such namespace, ipv4"), ("DEL*: files",), _NO_FOLDER),
    Known("bridge", ("no bridge of that name",), ("ADD: files", "DEL*: files"), _IPAM_FIRST),
    Known("bridge", ("address there: another subnet", "address there: of the subnet", "address there: wider",
                     "address there: ipv6 of the subnet", "two addresses of a family", "no address left",
                     "no such ipam", "ipam gives nothing"), ("ADD: node *", "ADD: pod *"), _BRIDGE_STAYS),
    Known("bridge", ("no address left",), ("*: firewall",), _BRIDGE_STAYS),
    Known("bridge", ("no address left", "no such ipam", "ipam gives nothing"), ("DEL*: node *",), _BRIDGE_STAYS),
    Known("bridge", ("check: bridge promiscuous",), ("CHECK: outcome",),
          "A bridge that another network has set promiscuous is none the worse"),
    Known("bridge", ("check: another bridge mac",), ("CHECK: outcome",),
          "The MAC of the bridge is compared only where it is a gateway"),
    Known("bridge", ("bridge that has lost its ports",), ("ADD: outcome", "ADD*: files", "ADD*: node *", "DEL: node *"),
          "A bridge without ports has no MAC; as a gateway it gets one, where the first ADD of the plugin fails"),
    Known("bridge", ("name taken, ipv4",), ("ADD: files", "ADD 2: *", "DEL: files"), _IPAM_FIRST),
    Known("bridge", ("deleted with other settings",),
          ("DEL: outcome", "DEL: files", "DEL: pod *", "DEL: node *"), _LEAST),
    Known("ptp", ("ipMasq nftables, *", "* ipMasq nftables"), ("ADD*: firewall", "DEL*: firewall"), _AS_BRIDGE),
    Known("ptp", ("* gone, ipMasq iptables", "no namespace told, ipMasq iptables"), ("DEL*: firewall",), _AS_BRIDGE),
    Known("ptp", ("ipMasqBackend bogus",), ("ADD: *", "DEL*: files", "DEL*: firewall", "DEL*: node sysctls"),
          _AS_BRIDGE),
    Known("ptp", ("mtu 70000", "no such namespace"), ("ADD: files", "ADD: node sysctls", "DEL: *"), _AS_BRIDGE),
    Known("ptp", ("no gateway", "a /32"), ("ADD: node *", "ADD: pod *", "DEL*: node sysctls"), _AS_BRIDGE),
    Known("ptp", ("routes: out of reach",), ("ADD: node *", "ADD: pod *"), _AS_BRIDGE),
    Known("ptp", ("two interfaces",), ("ADD 2: node *", "ADD 2: pod *"), _AS_BRIDGE),
    Known("ptp", ("name taken",), ("ADD: node sysctls",), _AS_BRIDGE),
    Known("ptp", ("routes: mtu and advmss",), ("ADD: pod routes 4",), _AS_BRIDGE),
    Known("ptp", ("routes: a table",), ("CHECK: outcome",), _ROUTE_TABLES),
    Known("ptp", ("mtu of another type", "no ipam"), ("DEL*: outcome",), _AS_BRIDGE),
    Known("vlan", ("no such master", "id 4095", "id -1", "no master", "mtu -1"), ("DEL*: outcome", "DEL*: files"),
          _DEL_MINDS),
    Known("vlan", ("no ipam", "mtu above the master's"), ("DEL: outcome",), _DEL_MINDS),
    Known("vlan", ("master gone",), ("DEL*: outcome", "DEL*: files"), _NEEDS_LITTLE),
    Known("vlan", ("no such namespace",), ("DEL: files",), _NO_FOLDER),
    Known("vlan", ("name taken",), ("ADD: files", "ADD 2: *", "DEL: files"), _IPAM_FIRST),
    Known("vlan", ("one id twice",), ("ADD 2: files", "DEL*: files"), _IPAM_FIRST),
    Known("vlan", ("name taken", "no address left", "address twice", "no ipam", "no such ipam"), ("ADD: pod *",),
          _NOTHING_LEFT),
    Known("vlan", ("name taken", "no ipam"), ("DEL: pod *",), _NOTHING_LEFT),
    Known("vlan", ("no such ipam",), ("DEL: pod *",), _INTERFACE_FIRST),
    Known("ipvlan", ("no default route",), ("DEL*: outcome", "DEL*: files"), _DEL_MINDS),
    Known("ipvlan", ("no such master", "unknown mode", "no such namespace"), ("DEL*: files",), _NO_FOLDER),
    Known("ipvlan", ("chained behind two",), ("DEL*: outcome",), _DEL_MINDS),
    Known("ipvlan", ("the default route's master", "chained", "chained with ipam"), ("CHECK: outcome",),
          "CHECK works without a `master`"),
    Known("ipvlan", ("name taken",), ("ADD: files", "ADD 2: *", "DEL: files"), _IPAM_FIRST),
    Known("ipvlan", ("name taken", "no address left", "address twice", "no ipam", "no such ipam"), ("ADD: pod *",),
          _NOTHING_LEFT),
    Known("ipvlan", ("name taken",), ("DEL: pod *",), _NOTHING_LEFT),
    Known("ipvlan", ("added twice",), ("ADD 2: pod *", "DEL*: pod *"), _NOTHING_LEFT),
    Known("ipvlan", ("no such ipam",), ("DEL: pod *",), _INTERFACE_FIRST),
    Known("dummy", ("no ipam", "no ipam, here"), ("DEL*: outcome",), _DEL_MINDS),
    Known("dummy", ("no such namespace",), ("DEL: files",), _NO_FOLDER),
    Known("dummy", ("name taken",), ("ADD: files", "ADD 2: *", "DEL: files"), _IPAM_FIRST),
    Known("vrf", ("no name", "table of another type"), ("DEL*: outcome",), _DEL_MINDS),
    Known("vrf", ("table 254", "no address", "a master already"), ("ADD: pod *",),
          "An ADD that fails takes the interface out of the VRF, and deletes a VRF without ports"),
    Known("vrf", ("table 254", "no address"), ("CHECK: outcome",),
          "An ADD that fails takes the interface out of the VRF, and deletes a VRF without ports"),
    Known("vrf", ("interface gone",), ("DEL*: outcome", "DEL*: pod *"),
          "DEL succeeds where the interface is gone, and then deletes a VRF without ports"),
    Known("vrf", ("no vrf of that name",), ("DEL*: outcome",), _OTHERS_STAY),
    Known("vrf", ("a master already",), ("DEL*: pod *",), _OTHERS_STAY),
    Known("host-device", ("layer 2, *", "host-local, *", "dual, *", "deleted twice, *", "version *", "by hwaddr",
                          "by hwaddr in upper case", "by device before hwaddr", "by kernelpath", "altnames",
                          "addresses that it has", "an alias that it has", "dns*", "noisy",
                          "junk in the variables"), ("DEL 2: outcome",), _REPEATED),
    Known("host-device", ("by kernelpath elsewhere", "by nothing", "by an empty device", "by no such *",
                          "by hwaddr that is none", "by device and no such deviceID", "by device of another type",
                          "documented: a function that is not there",
                          "namespace gone, *", "no such namespace", "deleted without an addition"), ("DEL*: outcome",),
          _REPEATED),
    Known("host-device", ("namespace gone, host-local", "namespace gone, dual"), ("DEL*: files",), _REPEATED),
    Known("host-device", ("no namespace told, host-local", "no namespace told, dual"), ("DEL: files",),
          "Addresses are given back once the interface is home, also without `CNI_NETNS`"),
    Known("host-device", ("its name is taken at home",), ("DEL: outcome", "DEL: node *", "DEL: pod *"),
          "Where its name is taken on the host by then, it comes home as `dev<number>`"),
    Known("host-device", ("address twice", "ipam gives nothing", "no address left", "no such ipam"),
          ("ADD: node *", "ADD: pod *"), _AS_IT_WAS),
    Known("host-device", ("no address left", "no such ipam"), ("DEL: node *",), _AS_IT_WAS),
    Known("host-device", ("no such ipam",), ("DEL: pod *",), _AS_IT_WAS),
    Known("host-device", ("no alias",), ("DEL: outcome",), "takes its alias away"),
    Known("host-local", ("several of a family, version 0.2.0", "no range", "ranges of nothing", "an empty set",
                         "no subnet", "host bits", "too small", "no subnet at all", "a mapped subnet",
                         "start elsewhere", "end elsewhere", "end before start", "gateway that is none",
                         "families mixed", "overlap in a set", "overlap of sets", "ranges of another type",
                         "a route that is none", "no ipam", "ipam of another type", "wanted no address",
                         "CNI_ARGS IP=zz", "CNI_ARGS ip=10.1.2.99", "CNI_ARGS FOO=1"),
          ("DEL*: outcome",), "DEL needs `dataDir` and names alone"),
    Known("host-local", ("no such resolv.conf",), ("DEL*: files",),
          "nor does an ADD whose `resolvConf` cannot be read"),
    Known("host-local", ("check of nothing",), ("DEL: files",), _NO_FOLDER),
    Known("loopback", ("version 0.*", "documented: the first loopback"), ("ADD: result",),
          "has the form of that version"),
    Known("loopback", ("an address more, ipv?",), ("ADD: pod *", "CHECK: outcome"), "leaves it up or down as it was"),
    Known("macvlan", ("version 0.[12].0, layer 2", "version none, layer 2"), ("ADD: outcome",),
          "An interface without addresses has an empty result in versions before 0.3.0"),
    Known("macvlan", ("name taken, host-local",), ("ADD: files", "ADD 2: *", "DEL*: files"), _IPAM_FIRST),
    Known("macvlan", ("no address left", "ipam gives nothing", "no such ipam", "address twice", "routes: twice",
                      "routes: gateway out of reach", "documented: by DHCP, without its plugin"), ("ADD: pod *",),
          _NOTHING_LEFT),
    Known("macvlan", ("routes: twice", "routes: gateway out of reach"), ("ADD: node links",), _NOTHING_LEFT),
    Known("macvlan", ("no such ipam", "documented: by DHCP, without its plugin"), ("DEL*: pod *",), _INTERFACE_FIRST),
    Known("macvlan", ("routes: table, priority, scope", "routes: host bits"), ("*: outcome", "ADD: pod routes 4"),
          "A route may have host bits in `dst`. One with a `scope` but 0 and without `gw`"),
    Known("macvlan", ("routes: mtu and advmss",), ("ADD: pod routes 4",),
          "`mtu` and `advmss` of routes have an effect"),
    Known("macvlan", ("routes: two gateways, ipv6",), ("CHECK: outcome",), "those with several next hops"),
    Known("macvlan", ("address 10.1.2.5/32",), ("CHECK: outcome",), "CHECK finds an address that is a network"),
    Known("macvlan", ("no such namespace, host-local", "no such master", "unknown mode"), ("DEL*: files",), _NO_FOLDER),
    Known("macvlan", ("mac in the variables and host-local",), ("ADD: pod *",), _NOTHING_LEFT),
    Known("macvlan", ("mac in the variables and host-local",), ("DEL*: outcome", "DEL*: pod *"),
          _NEEDS_LITTLE),
    Known("macvlan", ("mtu '1400'", "bcqueuelen -1", "malformed"), ("DEL*: outcome",),
          _NEEDS_LITTLE),
    Known("sbr", ("one, own*", "one-network-twice, own*", "version *", "interface index *", "two interfaces",
                  "junk in CNI_ARGS", "kernel's own addresses", "keys in other case", "documented: behind another"),
          ("DEL*: pod routes 4",), _TIDY),
    Known("sbr", ("several, own*", "ipv6, own*"), ("DEL*: pod routes 4", "DEL*: pod routes 6"), _TIDY),
    Known("sbr", ("again",), ("DEL*: pod routes 4", "ADD 2: outcome", "ADD 2: pod routes 4"), _TIDY),
    Known("sbr", ("namespace gone",), ("DEL*: outcome", "DEL*: pod file"), _TOLERANT),
    Known("sbr", ("no namespace told",), ("DEL: outcome",), _TOLERANT),
    Known("sbr", ("interface gone",), ("DEL: pod rules 4",), "finds the rules once the interface is gone"),
    Known("sbr", ("nothing before it", "no addresses", "table of another type"), ("CHECK: outcome",),
          "CHECK looks at rules and default routes"),
    Known("tuning", ("added twice",), ("ADD 2: files", "DEL: pod links", "DEL: pod sysctls"),
          "A second ADD does not forget what the interface was before the first"),
    Known("tuning", ("mac: multicast", "mac: not one", "mtu 70000", "mtu 60"), ("ADD: files",),
          "An ADD that fails takes back what it has done"),
    Known("tuning", ("mac: not one",), ("DEL*: files",), "An ADD that fails takes back what it has done"),
    Known("tuning", ("mtu -1", "txQLen -1"), ("ADD: files", "DEL*: files"), "so are a negative `mtu` or `txQLen`"),
    Known("tuning", ("txQLen -1",), ("ADD: outcome", "ADD: pod links"), "so are a negative `mtu` or `txQLen`"),
    Known("tuning", ("mac: unknown variable",), ("*: outcome", "*: files", "ADD: pod links"),
          "CNI_ARGS may have keys that nobody knows"),
    Known("tuning", ("sysctl: by args alone",), ("*: outcome", "*: pod sysctls"),
          "`args.cni.sysctl` needs no `sysctl` beside it"),
    Known("tuning", ("mac in upper case", "check: promisc that nobody asked for"), ("CHECK: outcome",),
          "CHECK compares `promisc` only where it is asked for, MACs as numbers"),
    Known("tuning", ("namespace gone", "interface gone", "check: gone changed", "no namespace told"), ("DEL*: files",),
          "The file goes with DEL whatever is gone"),
    Known("tuning", ("no namespace told",), ("DEL 2: pod *",), "The file goes with DEL whatever is gone"),
    Known("tuning", ("backup that is none",), ("DEL: files",), "The file goes with DEL whatever is gone"),
    Known("tuning", ("sysctl: of another type", "mtu of another type"), ("DEL*: outcome",),
          "DEL does not mind a configuration that ADD refuses"),
)  # fmt: skip
