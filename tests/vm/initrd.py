"""The first files a guest sees: a shell, and the modules without which it cannot reach the others."""

from __future__ import annotations

import gzip
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

_FOLDER, _FILE, _LINK = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777


def pack(init: bytes, busybox: Path, modules: Iterable[Path]) -> bytes:
    """A compressed archive; `init` is run first, and finds `modules` in /modules by the order of their names."""
    entries = [(name, _FOLDER, b"") for name in ("bin", "modules", "proc", "sys", "dev")]
    entries += [("init", _FILE, init), ("bin/busybox", _FILE, busybox.read_bytes()), ("bin/sh", _LINK, b"busybox")]
    for number, module in enumerate(modules):
        entries.append((f"modules/{number:03}.ko", _FILE, _unpacked(module, busybox)))
    entries.append(("TRAILER!!!", 0, b""))
    return gzip.compress(b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1)), 1)


def needed(folder: Path, names: Iterable[str]) -> list[Path]:
    """The modules of these names and all they need, each behind those; what is built into the kernel is left out.

    `folder` is the one of a release, with the file that depmod writes.
    """
    needs = dict(_needs(folder))
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    ordered: dict[str, None] = {}
    for name in names:
        if path := by_name.get(name):
            # depmod lists what a module needs with the nearest first
            ordered.update(dict.fromkeys([*reversed(needs[path]), path]))
    return [folder / path for path in ordered]


def _needs(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for line in (folder / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        yield path, rest.split()


def _unpacked(module: Path, busybox: Path) -> bytes:
    if module.suffix != ".xz":
        return module.read_bytes()
    return subprocess.run([busybox, "xzcat", module], capture_output=True, check=True).stdout


def _entry(number: int, name: str, mode: int, content: bytes) -> bytes:
    """One file of a cpio archive in the portable format, "newc": 13 numbers in hexadecimal, name, content."""
    encoded = name.encode() + b"\0"
    numbers = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % each for each in numbers) + encoded
    return _padded(head) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)
