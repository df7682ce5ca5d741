"""The machine's network cards: physical functions pf0, pf1, ..., and the virtual functions they give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.waiting import eventually
from tests.node.snapshot import ip, ip_json

_PCI = Path("/sys/bus/pci/devices")


@dataclass(frozen=True, slots=True)
class Vf:
    """One virtual function, wherever its interface is now."""

    card: Card
    index: int

    @property
    def pci(self) -> str:
        """Its PCI address, which is its device ID."""
        return (self.card.device / f"virtfn{self.index}").readlink().name

    @property
    def home_name(self) -> str:
        """What its interface is called on the host."""
        return f"{self.card.name}v{self.index}"

    def host_names(self) -> list[str]:
        """What its interface is called in the host's namespace; empty while it is in another one."""
        return [link.name for link in (_PCI / self.pci / "net").glob("*")]

    def probed(self) -> list[str]:
        """Like `host_names`; a driver that gave up is asked again, since a card may answer late on a busy machine."""
        if not (_PCI / self.pci / "driver").exists():
            (_PCI.parent / "drivers_probe").write_text(self.pci)
        return self.host_names()

    def link(self, namespace: str | None = None) -> dict[str, Any]:
        """Its interface under its own name on the host, or the one of that device in a pod's namespace."""
        found = [link for link in ip_json("-details", "link", namespace=namespace) if link.get("parentdev") == self.pci]
        (link,) = found
        return link

    def settings(self) -> dict[str, Any]:
        """What the physical function says of it: address, VLAN, spoof check, trust and so on."""
        (link,) = ip_json("-details", "link", "show", self.card.name)
        (info,) = [each for each in link["vfinfo_list"] if each["vf"] == self.index]
        return info


@dataclass(frozen=True, slots=True)
class Card:
    """A physical function with its cable into a network of its own."""

    name: str

    @property
    def device(self) -> Path:
        return Path("/sys/class/net", self.name, "device").resolve()

    @contextmanager
    def functions(self, number: int) -> Iterator[list[Vf]]:
        """That many virtual functions, with a driver and a name on the host; gone afterwards, wherever they are."""
        control = self.device / "sriov_numvfs"
        control.write_text(str(number))
        try:
            made = [Vf(self, index) for index in range(number)]
            for vf in made:
                (name,) = eventually(vf.probed)
                ip("link", "set", name, "name", vf.home_name)
            yield made
        finally:
            control.write_text("0")


def cards() -> list[Card]:
    """All of the machine, in order."""
    return [Card(path.name) for path in sorted(Path("/sys/class/net").glob("pf*"))]


def carries(ifname: str, namespace: str | None = None) -> None:
    """Wait until an interface has a carrier, which takes a card seconds."""
    eventually(lambda: ip_json("link", "show", ifname, namespace=namespace)[0], lambda link: link["operstate"] == "UP")
