"""Where a driver and its plugin differ, on purpose: the one table; the words are of docs/reference/drivers.md.

A difference that is not here fails, and so does one that is here and was not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/reference/drivers.md"


@dataclass(frozen=True)
class Known:
    """The cases, what differs there (`VERB: aspect`), both by shell patterns, and the document's words."""

    type: str
    cases: tuple[str, ...]
    differs: tuple[str, ...]
    documented: str

    def matches(self, case: str) -> bool:
        return any(fnmatchcase(case, f"{self.type}: {pattern}") for pattern in self.cases)


_TIDY = "DEL empties the tables of its rules"
_TOLERANT = "and succeeds without a namespace"
_IPAM_FIRST = "IPAM is asked before an interface is made"
_NOTHING_LEFT = "leave neither interface nor address"
_NO_FOLDER = "DEL, CHECK and GC of a network without a folder make none"
KNOWN: tuple[Known, ...] = (
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
    Known("loopback", ("version 0.*",), ("ADD: result",), "has the form of that version"),
    Known("loopback", ("an address more, ipv?",), ("ADD: pod *", "CHECK: outcome"), "leaves it up or down as it was"),
    Known("macvlan", ("version 0.?.0, layer 2", "version none, layer 2"), ("ADD: outcome",),
          "An interface without addresses has an empty result in versions before 0.3.0"),
    Known("macvlan", ("name taken, host-local",), ("ADD: files", "ADD 2: *", "DEL*: files"), _IPAM_FIRST),
    Known("macvlan", ("no address left", "ipam gives nothing", "no such ipam", "address twice", "routes: twice",
                      "routes: gateway out of reach"), ("ADD: pod *",), _NOTHING_LEFT),
    Known("macvlan", ("routes: twice", "routes: gateway out of reach"), ("ADD: node links",), _NOTHING_LEFT),
    Known("macvlan", ("no such ipam",), ("DEL: pod *",), "DEL deletes the interface first"),
    Known("macvlan", ("routes: table, priority, scope", "routes: host bits"), ("*: outcome", "ADD: pod routes 4"),
          "A route may have host bits in `dst`. One with a `scope` but 0 and without `gw`"),
    Known("macvlan", ("routes: mtu and advmss",), ("ADD: pod routes 4",),
          "`mtu` and `advmss` of routes have an effect"),
    Known("macvlan", ("routes: two gateways, ipv6",), ("CHECK: outcome",), "those with several next hops"),
    Known("macvlan", ("address 10.1.2.5/32",), ("CHECK: outcome",), "CHECK finds an address that is a network"),
    Known("macvlan", ("no such namespace, host-local", "no such master", "unknown mode"), ("DEL*: files",), _NO_FOLDER),
    Known("macvlan", ("mac in the variables and host-local",), ("ADD: pod *",), _NOTHING_LEFT),
    Known("macvlan", ("mac in the variables and host-local",), ("DEL*: outcome", "DEL*: pod *"),
          "It needs neither master nor namespace, nor settings that are right by now"),
    Known("macvlan", ("mtu '1400'", "bcqueuelen -1", "malformed"), ("DEL*: outcome",),
          "It needs neither master nor namespace, nor settings that are right by now"),
    Known("sbr", ("one, own*", "one-network-twice, own*", "version *", "interface index *", "two interfaces",
                  "junk in CNI_ARGS", "kernel's own addresses", "keys in other case"),
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


def expected(case: str) -> set[str]:
    """Patterns of what must differ in a case."""
    return {each for known in KNOWN if known.matches(case) for each in known.differs}


def compare(case: str, found: Iterable[str]) -> tuple[set[str], set[str]]:
    """What was found and is not known, and which patterns nothing was found for."""
    patterns, found = expected(case), set(found)
    unknown = {what for what in found if not any(fnmatchcase(what, pattern) for pattern in patterns)}
    return unknown, {pattern for pattern in patterns if not any(fnmatchcase(what, pattern) for what in found)}


def unused(cases: Iterable[str]) -> list[tuple[str, str]]:
    """Patterns of the table that no case matches."""
    names = set(cases)
    return [
        (known.type, pattern)
        for known in KNOWN
        for pattern in known.cases
        if not any(fnmatchcase(name, f"{known.type}: {pattern}") for name in names)
    ]
