"""Device-information files of this node; implements `ports.DeviceInfos`.

They are in a folder of the node's root: those of device plugins in `dp`, one of each attachment in `cni`.  They tell
nobody a secret, and whoever runs in a container with that folder may read them: mode 0444, folders 0755 (S44).

Spec section 5.5.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path, PurePosixPath

from plurimus.adapters import files, rooted
from plurimus.cni.errors import AttachmentError, Code
from plurimus.core.plan import DEVICE_INFO_DIR
from plurimus.model import deviceinfo
from plurimus.model.deviceinfo import DeviceInfo

OFFERED_DIR = "/var/run/k8s.cni.cncf.io/devinfo/dp"
MOST = 64 * 1024
"""Bytes of a file; all annotations of a pod have 256 KiB together."""


class DeviceInfoFiles:
    """The files below `root`, the node's own, which may be another than this process has."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    async def offered(self, resource: str, device_id: str) -> DeviceInfo | None:
        name = f"{resource}-{device_id}-device.json".replace("/", "-")
        return self._read(self._at(f"{OFFERED_DIR}/{name}"))

    async def load(self, path: str) -> DeviceInfo | None:
        return self._read(self._own(path))

    async def store(self, path: str, info: DeviceInfo) -> None:
        here = self._own(path)
        try:
            _make_folder(here.parent)
        except OSError as error:
            raise files.io_error(here.parent, "create", error) from error
        files.replace(here, info.encode(), durable=False, mode=0o444)

    async def remove(self, path: str) -> None:
        files.remove(self._own(path))

    async def ages(self) -> dict[str, float]:
        """The files of attachments there are, and how many seconds ago each was written."""
        found = {}
        for name in files.names(self._at(DEVICE_INFO_DIR)):
            with contextlib.suppress(OSError):
                found[f"{DEVICE_INFO_DIR}/{name}"] = time.time() - self._at(f"{DEVICE_INFO_DIR}/{name}").stat().st_mtime
        return found

    def _own(self, path: str) -> Path:
        """Where the file of an attachment is; no record, whoever wrote it, leads anywhere else."""
        pure = PurePosixPath(path)
        if str(pure.parent) != DEVICE_INFO_DIR or pure.name == "..":
            raise AttachmentError(f"{path} is no device-information file: expected one in {DEVICE_INFO_DIR}")
        return self._at(path)

    def _at(self, path: str) -> Path:
        """The folder is found below the root, whatever its links; the file itself is no link of ours."""
        folder, _, name = path.rpartition("/")
        return Path(rooted.below(self._root, folder)) / name

    @staticmethod
    def _read(path: Path) -> DeviceInfo | None:
        try:
            with path.open("rb") as file:
                content = file.read(MOST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(path, "read", error) from error
        if len(content) > MOST:
            raise AttachmentError(f"{path} is no device information: it has more than {MOST} bytes")
        try:
            return deviceinfo.parse(content)
        except ValueError as error:
            raise AttachmentError(f"{path} is no device information: {error}", code=Code.DECODING_FAILURE) from error


def _make_folder(folder: Path) -> None:
    """With all its parents, readable whatever this process' umask is; what is there stays as it is."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o755)
