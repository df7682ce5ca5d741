"""Cases of `static`, asked as a plugin that delegates to it would: plugins spec section 18, cases 71 and 72."""

from __future__ import annotations

from typing import Any

from ..case import ADD, CHECK, DEL, STATUS, Cases, conf, static, verb

CASES = Cases()
KIND = "static"
PREVIOUS = {"cniVersion": "1.0.0", "ips": [{"address": "10.1.2.5/24", "gateway": "10.1.2.1"}]}


def add(
    name: str, ipam: dict[str, Any] | None, *, version: str = "1.0.0", more: dict[str, Any] | None = None, **case: Any
) -> None:
    given = None if ipam is None else {"type": KIND, **ipam}
    CASES.add(name, KIND, conf("macvlan", version=version, ipam=given, **(more or {})), ipam=True, **case)


ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.2.9", "mtu": 1400, "advmss": 1360, "priority": 5,
          "table": 0, "scope": 0}, {"dst": "FD09:0::/64", "gw": "fd01:2::0:9"}]  # fmt: skip
DNS = {"nameservers": ["10.1.1.1"], "domain": "a.example", "search": ["x.example"], "options": ["ndots:5"]}
for version in ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", ""):
    add(f"version {version or 'none'}", static("10.1.2.5/24", "fd01:2::5/64", routes=ROUTES, dns=DNS), version=version)
    if version < "0.3" and version:
        add(f"two of a family, version {version}", static("10.1.2.5/24", "10.1.3.5/24"), version=version, crossed=False)
GOOD: dict[str, dict[str, Any]] = {
    "one address": static("10.1.2.5/24"),
    "without a gateway": {"addresses": [{"address": "10.1.2.5/24"}, {"address": "fd01:2::5/64"}]},
    "spelled at length": {"addresses": [{"address": "FD01:0002::0005/64", "gateway": "fd01:2:0::01"}]},
    "a mapped address": {"addresses": [{"address": "::ffff:10.1.2.5/120"}]},
    "several": static("10.1.2.5/24", "fd01:2::5/64", "10.1.3.5/24"),
    "none": {"addresses": []},
    "no key": {},
    "dns without addresses": {"dns": DNS},
    "routes without addresses": {"routes": ROUTES},
    "gateway elsewhere": {"addresses": [{"address": "10.1.2.5/24", "gateway": "10.7.7.7"}]},
    "a /32": {"addresses": [{"address": "10.1.2.5/32"}]},
}
for title, ipam in GOOD.items():
    add(title, ipam)
BAD: dict[str, dict[str, Any] | None] = {
    "no ipam": None,
    "no prefix": {"addresses": [{"address": "10.1.2.5"}]},
    "no address": {"addresses": [{"gateway": "10.1.2.1"}]},
    "gateway that is none": {"addresses": [{"address": "10.1.2.5/24", "gateway": "there"}]},
    "addresses of another type": {"addresses": ["10.1.2.5/24"]},
    "a route that is none": {**static("10.1.2.5/24"), "routes": [{"dst": "10.0.0.0"}]},
}
for title, bad in BAD.items():
    add(title, bad, crossed=False)
MORE: dict[str, dict[str, Any]] = {
    "args": {"args": {"cni": {"ips": ["10.1.9.5/24", "fd01:9::5/64"]}}},
    "runtimeConfig": {"runtimeConfig": {"ips": ["10.1.8.5/24"]}},
    "both": {"args": {"cni": {"ips": ["10.1.9.5/24"]}}, "runtimeConfig": {"ips": ["10.1.8.5/24"]}},
    "empty lists": {"args": {"cni": {"ips": []}}, "runtimeConfig": {"ips": []}},
    "no prefix in args": {"args": {"cni": {"ips": ["10.1.9.5"]}}},
    "no prefix in runtimeConfig": {"runtimeConfig": {"ips": ["10.1.9.5"]}},
}
for title, more in MORE.items():
    add(f"addresses by {title}", static("10.1.2.5/24"), more=more, crossed="no prefix" not in title)
VARIABLES = {
    "IP=10.1.7.5/24": True,
    "IP=10.1.7.5/24,fd01:7::5/64": True,
    "IP=10.1.7.5/24;GATEWAY=10.1.7.1": True,
    "IP=10.1.7.5/24,fd01:7::5/64;GATEWAY=fd01:7::1,10.1.7.1,10.99.9.9": True,
    "GATEWAY=10.1.2.99": True,
    "IP=10.1.7.5": False,
    "IP=10.1.7.5/24;GATEWAY=zz": False,
    "IP=10.1.7.5/24,": False,
    "FOO=1": False,
    "IgnoreUnknown=1;FOO=1": True,
    "IgnoreUnknown=x;FOO=1": False,
    "FOO": False,
}
for args, good in VARIABLES.items():
    add(f"CNI_ARGS {args}", static("10.1.2.5/24"), args=args, crossed=good, steps=(ADD,) if args == "FOO" else ())
add("variables and lists", static("10.1.2.5/24"), args="IP=10.1.7.5/24", more=MORE["args"])
for title, previous in {
    "as it was": PREVIOUS,
    "another gateway": {**PREVIOUS, "ips": [{"address": "10.1.2.5/24", "gateway": "10.1.2.9"}]},
    "no gateway": {**PREVIOUS, "ips": [{"address": "10.1.2.5/24"}]},
    "another address": {**PREVIOUS, "ips": [{"address": "10.1.2.6/24"}]},
    "another prefix": {**PREVIOUS, "ips": [{"address": "10.1.2.5/16", "gateway": "10.1.2.1"}]},
}.items():
    add(f"check: {title}", static("10.1.2.5/24"), more={"prevResult": previous}, steps=(CHECK,), crossed=False)
add("check without a result", static("10.1.2.5/24"), steps=(CHECK, DEL), crossed=False)
add("status", static("10.1.2.5/24"), version="1.1.0", steps=(STATUS, ADD, verb("GC"), DEL), crossed=False)
