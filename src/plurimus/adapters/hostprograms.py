"""Programs of the host that change its packet filter: nft, iptables and what comes with them.

They run below the host's root, as CNI plugins do, since the rules of a node are those its own programs understand.
"""

from __future__ import annotations

import os
from pathlib import Path

from plurimus.adapters import process, rooted
from plurimus.adapters.process import Finished
from plurimus.cni.errors import AttachmentError, Code

_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_TIMEOUT = 60.0


class HostPrograms:
    """`root` is where the node's files are; each run takes `timeout` seconds at most.

    Programs are looked for in the folders of $PATH and in those where a system keeps them.
    """

    def __init__(self, root: Path, *, timeout: float = _TIMEOUT) -> None:
        self._root = str(root).rstrip("/")
        self._timeout = timeout
        own = [folder for folder in os.environ.get("PATH", "").split(":") if folder.startswith("/")]
        self._folders = tuple(dict.fromkeys([*_FOLDERS, *own]))

    def find(self, name: str) -> str | None:
        """Where the program is on the host, or None."""
        for folder in self._folders:
            path = f"{folder}/{name}"
            if os.access(rooted.below(self._root, path), os.X_OK):
                return path
        return None

    async def run(self, name: str, *arguments: str, stdin: str = "") -> Finished:
        """How the program ended; what it says is English.

        Raises:
            AttachmentError: the host does not have it, or it does not end.
        """
        path = self.find(name)
        if path is None:
            below = f" below {self._root}" if self._root else ""
            raise AttachmentError(f"the program {name!r} is in none of {', '.join(self._folders)}{below}; install it")
        argv = [*(["chroot", self._root] if self._root else []), path, *arguments]
        env = {**process.inherited(), "PATH": ":".join(self._folders), "LC_ALL": "C"}
        try:
            return await process.run(argv, env=env, stdin=stdin.encode(), timeout=self._timeout)
        except TimeoutError as error:
            raise AttachmentError(
                f"the program {name!r} did not end within {self._timeout:g} s, and was ended",
                code=Code.TRY_AGAIN_LATER,
            ) from error
        except process.OutputTooLong as error:
            raise AttachmentError(f"the program {name!r} printed more than {process.MOST_OUTPUT} bytes") from error
        except OSError as error:
            raise AttachmentError(f"the program {name!r} at {path} cannot be run: {error.strerror}") from error
