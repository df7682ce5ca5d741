"""Which RDMA device each attachment has, in the files of the plugin and in its form.

`/var/lib/cni/rdma/<network>-<container ID>-<interface>`.  One key more, `netns`, says where the device went, for when
the runtime no longer knows.

RDMA spec section 2.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from plurimus.adapters import files, rooted
from plurimus.cni import args, gojson
from plurimus.cni.errors import AttachmentError, Code

FOLDER = "/var/lib/cni/rdma"
_VERSION = "1.0"
_log = structlog.get_logger(__name__)


class Saved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device that was given to a pod; its name was the same on the host.  `netns` is empty where the plugin wrote."""

    version: str = ""
    device_id: str = msgspec.field(default="", name="deviceID")
    host_name: str = msgspec.field(default="", name="sandboxRdmaDevName")
    name: str = msgspec.field(default="", name="containerRdmaDevName")
    netns: str = ""


def saved(device_id: str, name: str, netns: str) -> Saved:
    return Saved(_VERSION, device_id, name, name, netns)


class SavedDevices:
    """The files below `root`; every method raises AttachmentError, with the path."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def store(self, network: str, container_id: str, ifname: str, saved: Saved) -> None:
        """Write durably, before the device moves: nothing else tells after a crash whose it is."""
        path = self._path(network, container_id, ifname)
        files.make_folder(path.parent)
        files.replace(path, msgspec.json.encode(saved), durable=True)

    def load(self, network: str, container_id: str, ifname: str) -> Saved | None:
        """What was saved, or None."""
        return self._read(self._path(network, container_id, ifname))

    def age(self, network: str, container_id: str, ifname: str) -> float | None:
        """Seconds since it was saved; None where it is gone."""
        try:
            return time.time() - self._path(network, container_id, ifname).stat().st_mtime
        except OSError:
            return None

    def remove(self, network: str, container_id: str, ifname: str) -> None:
        """Remove the file; a missing one is fine."""
        files.remove(self._path(network, container_id, ifname))

    def forget_others(self, device_id: str, network: str, container_id: str, ifname: str) -> None:
        """Remove what says of any other attachment that it has the device of a function, which this one has."""
        own = self._path(network, container_id, ifname)
        for path in self._files():
            try:
                other = self._read(path) if path != own else None
            except AttachmentError as error:
                _log.warning("what is saved of an RDMA device cannot be read", reason=str(error))
                continue
            if other is not None and other.device_id == device_id:
                files.remove(path)

    def of_network(self, network: str) -> Iterator[tuple[str, str]]:
        """Container ID and interface of each file of a network.

        A name says that for sure only where neither has a hyphen, which is so for the IDs of container runtimes.
        """
        for name in [path.name for path in self._files()]:
            container_id, _, ifname = name.removeprefix(f"{network}-").partition("-")
            if name.startswith(f"{network}-") and container_id and ifname and "-" not in ifname:
                yield container_id, ifname

    def _files(self) -> list[Path]:
        folder = self._folder()
        return [folder / name for name in files.names(folder)]

    def _read(self, path: Path) -> Saved | None:
        try:
            return gojson.convert(gojson.decode(path.read_bytes()), Saved)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # nor could `store` write it
                return None
            raise files.io_error(path, "read", error) from error
        except ValueError as error:
            raise AttachmentError(
                f"{path} cannot be understood ({error}): see by 'rdma dev' where the device is, then remove the file",
                code=Code.DECODING_FAILURE,
            ) from error

    def _path(self, network: str, container_id: str, ifname: str) -> Path:
        if not args.is_network_name(network) or not args.is_network_name(container_id):
            raise AttachmentError(f"{network!r} and {container_id!r} are no names of a network and of a container")
        return self._folder() / f"{network}-{container_id}-{args.check_ifname(ifname)}"

    def _folder(self) -> Path:
        return Path(rooted.below(self._root, FOLDER))
