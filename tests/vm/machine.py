"""A machine made by QEMU, with network cards that do SR-IOV, over this machine's own files.

No hardware and no /dev/kvm is needed: all is emulated, so nothing about its speed tells anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from . import initrd

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "build/vm"
HERE = Path(__file__).resolve().parent
NEEDED_FIRST = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]
"""The modules by which the guest reaches the host's files."""
GATEWAY, ADDRESS = "10.96.0.1", "10.96.0.15/16"
"""The guest reaches this host's loopback under the address at which pods look for the API server."""
HOST_MAC = "52:54:00:01:00:00"
MOST_CARDS = 8
_SHOWN = 20


class MachineError(Exception):
    """The machine did not do its work, and why."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`cards` physical functions, each with 7 virtual functions and on a network of its own, on two NUMA nodes.

    `memory` is in MiB: what the guest writes is kept in it.  `rdma` is the mode of the RDMA subsystem, `shared` or
    `exclusive`.
    """

    cards: int = MOST_CARDS
    memory: int = 3072
    rdma: str = "shared"

    def macs(self) -> list[str]:
        """The addresses of the cards, in their order: pf0, pf1, ..."""
        return [f"52:54:00:00:00:{number:02x}" for number in range(self.cards)]

    def run(self, command: str, results: Path, *, seconds: float, environment: Mapping[str, str] | None = None) -> int:
        """Boot, run a line of shell in the guest and switch off; the exit status of the line.

        The guest's console goes to standard output.  `results` is an empty folder, which the guest sees as /results.
        MachineError where the line did not end in `seconds`, or the guest ended in another way.
        """
        settings = {
            "RDMA_MODE": self.rdma,
            "HOST_MAC": HOST_MAC,
            "HOST_ADDRESS": ADDRESS,
            "CARD_MACS": " ".join(self.macs()),
        }
        (results / "settings").write_text(_assignments(settings))
        (results / "command").write_text(f"{_assignments(environment or {}, export=True)}{command}\n")
        image = results / "initrd"
        image.write_bytes(_initrd())
        console = _Console()
        with (results / "qemu.log").open("wb") as log:
            # QEMU ends with the thread that started it, however that ends
            qemu = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *_emulator(), *self._options(image, results)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=_environment(),
            )  # fmt: skip
        timer = threading.Timer(seconds, qemu.kill)
        timer.start()
        started = time.monotonic()
        try:
            assert qemu.stdout is not None
            console.follow(qemu.stdout)
            qemu.wait()
        finally:
            timer.cancel()
            qemu.kill()
            qemu.wait()
        late = time.monotonic() - started >= seconds
        why = f"did not end in {seconds:.0f} s" if late else "went off without telling how its command ended"
        return status(results, why, console.last)

    def _options(self, image: Path, results: Path) -> list[str]:
        kernel = PARTS / "kernel"
        # an emulated timer is late on a busy machine, and a kernel that checks it panics; what guards against faults of
        # real processors has the emulator look every jump up
        line = "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off net.ifnames=0"
        line = f"{line} plurimus.init={HERE / 'guest.sh'}"
        half = self.memory // 2
        return [
            # with a second processor the same tests take the emulator nearly twice the time, and no less by the clock
            *("-machine", "q35", "-accel", "tcg", "-cpu", "qemu64", "-smp", "1", "-m", f"{2 * half}M"),
            *(word for node in (0, 1) for word in _numa(node, half)),
            *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(image), "-append", line),
            *("-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot", "-nodefaults"),
            *_share("host", Path("/"), "readonly=on"),
            *_share("packages", PARTS / "guest", "readonly=on"),
            *_share("results", results, "readonly=off"),
            *("-netdev", f"user,id=host,net=10.96.0.0/16,host={GATEWAY},dhcpstart=10.96.0.100,dns=10.96.0.3"),
            *("-device", f"virtio-net-pci,bus=pcie.0,netdev=host,mac={HOST_MAC},romfile="),
            *(word for number, mac in enumerate(self.macs()) for word in self._card(number, mac)),
        ]

    def _card(self, number: int, mac: str) -> list[str]:
        """One physical function behind a port of its own, the first half of them near the first NUMA node."""
        node = number * 2 // max(self.cards, 2)
        port = f"pcie-root-port,id=port{number},bus=numa{node},chassis={number + 1},slot={number + 1}"
        card = f"igb,bus=port{number},netdev=rail{number},mac={mac},romfile="
        return ["-netdev", f"hubport,hubid={number},id=rail{number}", "-device", port, "-device", card]


class _Console:
    """What the guest prints, passed on, with its end kept."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=_SHOWN)

    def follow(self, stream: BinaryIO) -> None:
        """Until the guest is off."""
        descriptor, pending = stream.fileno(), b""
        while read := os.read(descriptor, 65536):
            sys.stdout.buffer.write(read.replace(b"\r", b""))
            sys.stdout.buffer.flush()
            *lines, pending = (pending + read).split(b"\n")
            self.last.extend(line.decode(errors="replace").strip() for line in lines)
        self.last.append(pending.decode(errors="replace").strip())


def status(results: Path, why: str, console: Iterable[str]) -> int:
    """The exit status that the guest left in `results`; without a whole one a MachineError says `why`, and the end."""
    path = results / "status"
    told = path.read_text() if path.exists() else ""
    if told.endswith("\n") and told.strip().isdecimal():
        return int(told)
    end = "\n".join(line for line in [*console, *(results / "qemu.log").read_text().splitlines()] if line)
    raise MachineError(f"the machine {why}; the last of its console, and QEMU's own words:\n{end}")


def _assignments(values: Mapping[str, str], *, export: bool = False) -> str:
    quoted = {name: "'" + value.replace("'", "'\\''") + "'" for name, value in values.items()}
    return "".join(f"{'export ' if export else ''}{name}={value}\n" for name, value in quoted.items())


def _initrd() -> bytes:
    release = (PARTS / "kernel/release").read_text()
    modules = initrd.needed(PARTS / "kernel/usr/lib/modules" / release, NEEDED_FIRST)
    return initrd.pack((HERE / "init.sh").read_bytes(), PARTS / "system/usr/bin/busybox", modules)


def _emulator() -> Sequence[str]:
    """The emulator, by its own dynamic loader and libraries: those of this machine may be older."""
    root = PARTS / "system/usr"
    if not root.exists():
        raise MachineError(f"there is no QEMU in {root}; run `make test-vm`, which unpacks it")
    data = [word for name in ("qemu", "seabios") for word in ("-L", str(root / "share" / name))]
    loader = str(root / "lib64/ld-linux-x86-64.so.2")
    return [loader, "--library-path", str(root / "lib/x86_64-linux-gnu"), str(root / "bin/qemu-system-x86_64"), *data]


def _environment() -> dict[str, str]:
    return os.environ | {"QEMU_MODULE_DIR": str(PARTS / "system/usr/lib/x86_64-linux-gnu/qemu")}


def _share(tag: str, path: Path, access: str) -> list[str]:
    return ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap,{access}",
            "-device", f"virtio-9p-pci,bus=pcie.0,fsdev={tag},mount_tag={tag}"]  # fmt: skip


def _numa(node: int, memory: int) -> list[str]:
    """A node with memory and a bridge to cards; the only processor is in the first."""
    processor = ",cpus=0" if node == 0 else ""
    bridge = f"pxb-pcie,id=numa{node},bus=pcie.0,bus_nr={64 * (node + 1)},numa_node={node}"
    return ["-object", f"memory-backend-ram,id=memory{node},size={memory}M",
            "-numa", f"node,nodeid={node},memdev=memory{node}{processor}", "-device", bridge]  # fmt: skip
