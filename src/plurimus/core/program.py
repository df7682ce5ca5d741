"""The file with the program that the shim becomes on a node without a daemon: a word a line, variables first.

What `read` takes, `shim/program.c` takes, and in the same way.

Decision 14.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from plurimus.cni.errors import ConfigError

MOST_BYTES, MOST_WORDS = (64 << 10) - 1, 256


def read(content: bytes) -> tuple[dict[str, str], list[str]]:
    """The variables, and the words of the command.

    Raises:
        ConfigError: the shim could not use it.
    """
    if len(content) > MOST_BYTES or b"\0" in content:
        raise ConfigError(f"the program is longer than {MOST_BYTES} bytes, or has a NUL")
    variables: dict[str, str] = {}
    command: list[str] = []
    for word in content.decode(errors="surrogateescape").split("\n"):
        name, equals, value = word.partition("=")
        if not command and name and equals and "/" not in name:
            variables[name] = value
        elif word:
            command.append(word)
    if not command:
        raise ConfigError("the program has no command")
    if len(command) > MOST_WORDS:
        raise ConfigError(f"the program has {len(command)} words, expected at most {MOST_WORDS}")
    if not command[0].startswith("/"):
        raise ConfigError(f"the program {shlex.join(command)} must start with an absolute path: the shim has no PATH")
    return variables, command


def write(words: Sequence[str]) -> bytes:
    """The file of these words.

    Raises:
        ConfigError: the shim could not use it.
    """
    if any(not word or "\n" in word for word in words):
        raise ConfigError("the program has a word that is empty or more than one line")
    content = "".join(f"{word}\n" for word in words).encode()
    read(content)
    return content
