"""Unpack what the machine of tests/vm is made of, from Debian's packages: nothing is installed.

usage: build_vm.py [OUTPUT]

OUTPUT/system   QEMU and the guest's programs, with all the libraries they need, the C library too: so they run on any
                distribution, and beside any libraries that a machine has
OUTPUT/kernel   a kernel with its modules: SR-IOV network cards, soft RoCE, and the link kinds machines often lack
OUTPUT/guest    what is laid over the machine's own files inside the guest, where OUTPUT/system is /opt/vm

Does nothing twice.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import debian_root

ROOT = Path(__file__).resolve().parent.parent
SUITE = "trixie"
"""The release of Debian; the kernel is of its backports, since soft RoCE in namespaces needs a new one."""
PACKAGES = ["qemu-system-x86", "busybox-static", "kmod", "iproute2", "ethtool", "ibverbs-providers", "ibverbs-utils",
            "rdmacm-utils", "perftest"]  # fmt: skip
KERNEL = r"^linux-{}-([0-9.]+\+deb[0-9]+)-amd64$"
KERNEL_PARTS = ("binary", "modules")
PROGRAMS = {
    "kmod": ["depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod"],
    **{name: [name] for name in ("bridge", "ethtool", "ip", "rdma", "tc", "ibv_devices", "ibv_devinfo",
                                 "ibv_rc_pingpong", "rping", "ucmatose", "ib_send_bw", "ib_write_bw")},
}  # fmt: skip
"""The guest's programs, with the names they are called by."""
SYSTEM = "/opt/vm"
LOADER, LIBRARIES = "usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu"
_WRAPPER = """\
#!/bin/sh
exec {system}/{loader} --argv0 {name} --library-path {system}/{libraries}:{system}/{libraries}/libibverbs {program} "$@"
"""
MADE_OF = {
    "system": (SUITE, PACKAGES),
    "kernel": (SUITE, KERNEL, KERNEL_PARTS),
    "guest": (SUITE, PACKAGES, PROGRAMS, SYSTEM, _WRAPPER),
}
"""A part is made again when this has changed."""


def build(output: Path) -> None:
    """Have the three parts in `output`."""
    if platform.machine() != "x86_64":
        raise SystemExit(f"build_vm: the emulated network cards are for x86_64 only, and this is {platform.machine()}")
    output.mkdir(parents=True, exist_ok=True)
    for name, make in {"system": _system, "kernel": _kernel, "guest": _guest}.items():
        _have(output, name, make)


def _have(output: Path, name: str, make: Callable[[Path, Path, Path], str]) -> None:
    stamp, wanted = output / f".{name}.built-from", repr(MADE_OF[name])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    made = output / f".{name}.new"
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="plurimus-vm-") as work:
        told = make(made, Path(work) / "apt", output / "system")
    shutil.rmtree(output / name, ignore_errors=True)
    made.rename(output / name)
    stamp.write_text(wanted)
    print(f"build_vm: {output / name}: {told}, in {time.monotonic() - started:.0f} s", flush=True)


def _system(made: Path, work: Path, _: Path) -> str:
    packages = debian_root.unpack(PACKAGES, made, suite=SUITE, architecture="amd64", work=work, dependencies=True)
    programs = (made / LOADER, made / "usr/bin/qemu-system-x86_64", *(_program(made, name) for name in PROGRAMS))
    if missing := [str(path.relative_to(made)) for path in programs if not path.exists()]:
        raise SystemExit(f"build_vm: the packages {', '.join(PACKAGES)} of {SUITE} have no {' and no '.join(missing)}")
    (qemu,) = [name for name in packages if name.startswith("qemu-system-x86_")]
    return f"{qemu} and {len(packages) - 1} packages more"


def _kernel(made: Path, work: Path, system: Path) -> str:
    debian_root.prepare(f"{SUITE}-backports", "amd64", work)
    found = [{_release(name) for name in debian_root.names(KERNEL.format(part), work=work)} for part in KERNEL_PARTS]
    whole = set.intersection(*found)
    if not whole:
        wanted = " and ".join(f"linux-{part}" for part in KERNEL_PARTS)
        raise SystemExit(f"build_vm: {SUITE}-backports has no kernel whose packages {wanted} are both there")
    release = max(whole, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    debian_root.fetch([f"linux-{part}-{release}" for part in KERNEL_PARTS], made, work=work)
    images = [*made.glob(f"usr/lib/modules/{release}/vmlinuz"), *made.glob(f"boot/vmlinuz-{release}")]
    if not images:
        raise SystemExit(f"build_vm: the packages of Linux {release} have no kernel where one is looked for")
    (made / "vmlinuz").symlink_to(images[0].relative_to(made))
    (made / "release").write_text(release)
    _list_modules(made, release, system)
    return f"Linux {release}"


def _release(package: str) -> str:
    return package.split("-", 2)[2]


def _list_modules(kernel: Path, release: str, system: Path) -> None:
    """Write which modules need which, as a script of the package does where that is installed."""
    (kernel / "lib").symlink_to("usr/lib")
    loader = [str(system / LOADER), "--argv0", "depmod", "--library-path", str(system / LIBRARIES)]
    command = [*loader, str(_program(system, "kmod")), "-b", str(kernel), release]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"build_vm: depmod failed on the modules of Linux {release}: {done.stderr}")


def _guest(made: Path, _: Path, system: Path) -> str:
    """Programs where they are looked for, the kernel's among them, and what their libraries read in /etc."""
    shutil.copytree(system / "etc/libibverbs.d", made / "etc/libibverbs.d")
    folder = made / "usr/sbin"
    folder.mkdir(parents=True)
    for program, names in PROGRAMS.items():
        path = f"{SYSTEM}/{_program(system, program).relative_to(system)}"
        for name in names:
            text = _WRAPPER.format(system=SYSTEM, loader=LOADER, libraries=LIBRARIES, name=name, program=path)
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
    for place in ("opt/vm", "results"):
        (made / place).mkdir(parents=True)
    (made / "usr/lib/modules").mkdir(parents=True)
    return f"{sum(map(len, PROGRAMS.values()))} names of programs"


def _program(system: Path, name: str) -> Path:
    inside = system / "usr/sbin" / name
    return inside if inside.exists() and not inside.is_symlink() else system / "usr/bin" / name


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/vm")
