"""Kernel parameters of a network namespace, in /proc/sys.

kernel: Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import files, netns

_FOLDER = Path("/proc/sys")


def write(namespace: str, values: Mapping[str, str], *, tolerant: bool = False) -> None:
    """Set parameters (`net/ipv4/conf/net1/arp_notify`) in the namespace at a path; those that are so already are left.

    With `tolerant` a parameter this kernel does not have, or does not let be set, is passed over.

    Raises:
        AttachmentError: code 5, with the path.
        NamespaceError: code 8; the namespace cannot be entered.
    """

    def inside() -> None:
        for key, value in values.items():
            path = _FOLDER / key
            try:
                if path.read_text().strip() != value:
                    path.write_text(value)
            except OSError as error:
                if not tolerant:
                    raise files.io_error(path, "write", error) from error

    netns.visit(namespace, inside)


def has(namespace: str, key: str) -> bool:
    """Whether the kernel has this parameter in the namespace."""
    return netns.visit(namespace, (_FOLDER / key).exists)
