"""Files for the containers of a pod, `/run/plurimus/pods/<pod UID>/`; implements `ports.PodFolders`.

A pod mounts its own folder, and a container of it may have written anything there.  So nothing in it is read, and each
time it is made anew elsewhere and put in its place; whose it is stands beside it, where no pod comes.  What is to go is
renamed, and deleted by a thread: however much there is, neither the daemon nor another pod waits for it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import structlog

from plurimus.adapters import files, leftovers, rooted
from plurimus.cni import args
from plurimus.cni.errors import AttachmentError, PlurimusError

FOLDER = "/run/plurimus/pods"
_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,62}")
_OWNER = ".of-"
_NEW = ".new-"
_log = structlog.get_logger(__name__)


class RunPodFolders:
    """The folders below `root`, the node's own."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    async def store(self, uid: str, container_id: str, content: Mapping[str, bytes]) -> None:
        if not _UID.fullmatch(uid):
            raise AttachmentError(f"the pod's UID {uid!r} is none: expected letters, digits and hyphens")
        here = self._folder()
        new, old = here / f"{_NEW}{args.check_container_id(container_id)}", list[str]()
        try:
            here.mkdir(mode=0o755, parents=True, exist_ok=True)
            old += leftovers.put_aside(new)  # of an ADD of this sandbox that was killed
            new.mkdir(mode=0o700)
        except OSError as error:
            raise files.io_error(here, "create", error) from error
        try:
            files.replace(here / f"{_OWNER}{uid}", container_id.encode(), durable=False)
            for name, text in content.items():
                files.replace(new / name, text, durable=False, mode=0o444)
            new.chmod(0o755)
            old += leftovers.put_aside(here / uid)
            new.rename(here / uid)
        except OSError as error:
            raise files.io_error(here / uid, "write", error) from error
        finally:
            await self._delete([*old, new.name] if new.exists() else old)

    async def remove(self, uid: str, container_id: str) -> None:
        if not _UID.fullmatch(uid):
            return
        owner = self._owner(uid)
        if owner == container_id:
            await self._delete(self._take(uid))
        elif not owner:  # half of its file, perhaps
            files.remove(self._folder() / f"{_OWNER}{uid}")

    async def sweep(self, living: Collection[str]) -> None:
        for name in self._names():
            uid, maker = name.removeprefix(_OWNER), name.removeprefix(_NEW)
            try:
                if name.startswith(_OWNER) and _UID.fullmatch(uid) and self._owner(uid) not in living:
                    self._take(uid)
                elif name.startswith(_NEW) and maker not in living:
                    leftovers.put_aside(self._folder() / name)
            except (OSError, PlurimusError) as error:
                _log.warning("a pod's folder stays", path=str(self._folder() / name), error=str(error))

    def owners(self) -> dict[str, str]:
        """The container IDs of the sandboxes whose folders there are, by the UIDs of their pods."""
        uids = [name.removeprefix(_OWNER) for name in self._names() if name.startswith(_OWNER)]
        return {uid: owner for uid in uids if _UID.fullmatch(uid) and (owner := self._owner(uid))}

    def path(self, uid: str) -> str:
        """The folder of a pod."""
        return str(self._folder() / uid)

    async def tidy(self) -> None:
        await self._delete([name for name in self._names() if name.startswith(leftovers.OLD)])

    def _take(self, uid: str) -> list[str]:
        """First the folder, so that what fails is tried again; the names of what is to be deleted."""
        path = self._folder() / uid
        try:
            old = leftovers.put_aside(path)
        except OSError as error:
            raise files.io_error(path, "remove", error) from error
        files.remove(self._folder() / f"{_OWNER}{uid}")
        return old

    async def _delete(self, names: Collection[str]) -> None:
        """A cancelled caller does not wait; the thread goes on, and what it does not get to is tidied up later."""
        if names:
            await asyncio.to_thread(leftovers.delete, self._folder(), names)

    def _names(self) -> list[str]:
        try:
            return [path.name for path in self._folder().iterdir()]
        except OSError:
            return []

    def _owner(self, uid: str) -> str:
        try:
            return (self._folder() / f"{_OWNER}{uid}").read_text()
        except OSError:
            return ""

    def _folder(self) -> Path:
        return Path(rooted.below(self._root, FOLDER))
