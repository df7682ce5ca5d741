"""Which kernel parameters the administrator lets pods have.

Plugins spec section 10.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni import goregexp
from plurimus.cni.errors import AttachmentError, ConfigError

_FILE = "etc/cni/tuning/allowlist.conf"


def check(root: Path, keys: Iterable[str]) -> None:
    """See that a line of the node's list matches each key as it is written; without a list all are allowed.

    Raises:
        ConfigError: the list has a line that is no regular expression of Go.
        AttachmentError: a key is not allowed, or the list cannot be read.
    """
    path = root / _FILE
    try:
        lines = [line for each in path.read_text().split("\n") if (line := each.strip())]
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8: {error.reason}") from error
    except OSError as error:
        raise files.io_error(path, "read", error) from error
    for key in keys:
        if not any(_matches(path, line, key) for line in lines):
            raise AttachmentError(
                f"Sysctl {key} is not allowed. Only the following sysctls are allowed: [{' '.join(lines)}]"
            )


def _matches(path: Path, line: str, key: str) -> bool:
    try:
        return goregexp.compile(line).search(key)
    except ValueError as error:
        raise ConfigError(f"{path} has the line {line!r}, which is no regular expression of Go: {error}") from error
