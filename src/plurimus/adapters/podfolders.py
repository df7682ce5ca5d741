"""Files for the containers of a pod, `/run/plurimus/pods/<pod UID>/`; implements `ports.PodFolders`.

A pod mounts its own folder, and a container of it may have written anything there.  So nothing in it is read, and each
time it is made anew elsewhere and put in its place; whose it is stands beside it, where no pod comes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from plurimus.adapters import files, rooted
from plurimus.cni.errors import AttachmentError

FOLDER = "/run/plurimus/pods"
_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,62}")
_OWNER = ".of-"
_NEW = ".new-"


class RunPodFolders:
    """The folders below `root`, the node's own."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    async def store(self, uid: str, container_id: str, content: Mapping[str, bytes]) -> None:
        if not _UID.fullmatch(uid):
            raise AttachmentError(f"the pod's UID {uid!r} is none: expected letters, digits and hyphens")
        here = self._folder()
        try:
            here.mkdir(mode=0o755, parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=_NEW, dir=here))
        except OSError as error:
            raise files.io_error(here, "create", error) from error
        try:
            files.replace(here / f"{_OWNER}{uid}", container_id.encode(), durable=False)
            for name, text in content.items():
                files.replace(new / name, text, durable=False, mode=0o444)
            new.chmod(0o755)
            self._exchange(new, here / uid)
        except OSError as error:
            raise files.io_error(here / uid, "write", error) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)

    async def remove(self, uid: str, container_id: str) -> None:
        if _UID.fullmatch(uid) and self._owner(uid) == container_id:
            self._remove(uid)

    async def sweep(self, living: Collection[str]) -> None:
        try:
            names = [path.name for path in self._folder().iterdir()]
        except OSError:
            return
        for name in names:
            uid = name.removeprefix(_OWNER)
            if name.startswith(_OWNER) and _UID.fullmatch(uid) and self._owner(uid) not in living:
                self._remove(uid)

    def _exchange(self, new: Path, path: Path) -> None:
        """Put `new` at `path`, and remove what was there."""
        old = Path(tempfile.mkdtemp(prefix=_NEW, dir=path.parent))
        try:
            with contextlib.suppress(FileNotFoundError):
                path.rename(old / "old")
            new.rename(path)
        finally:
            shutil.rmtree(old, ignore_errors=True)

    def _remove(self, uid: str) -> None:
        """First the folder, so that what fails is tried again."""
        path = self._folder() / uid
        try:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path)
            (self._folder() / f"{_OWNER}{uid}").unlink(missing_ok=True)
        except OSError as error:
            raise files.io_error(path, "remove", error) from error

    def _owner(self, uid: str) -> str:
        try:
            return (self._folder() / f"{_OWNER}{uid}").read_text()
        except OSError:
            return ""

    def _folder(self) -> Path:
        return Path(rooted.below(self._root, FOLDER))
