"""What the daemon needs from the world, as protocols.

`plurimus.adapters` implement them; tests implement them with fakes.  Every method raises only
`PlurimusError`s: an adapter translates what its world throws.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from plurimus.cni.cache import CachedAttachment
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.result import Result
from plurimus.core.devices import Allocation
from plurimus.core.plan import PodReference
from plurimus.core.routes import RouteChange
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.model.deviceinfo import DeviceInfo
from plurimus.model.event import Event
from plurimus.model.pod import Pod
from plurimus.model.rdma import Seen


class Cluster(Protocol):
    """Where pods and definitions are read from and network status is written to."""

    async def get_pod(self, namespace: str, name: str, *, uid: str = "") -> Pod | None:
        """The pod, or None when the cluster is sure that it does not exist.

        `uid` is the one the runtime named: a pod known under another may have been replaced, and is looked up anew.
        """

    async def get_definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        """The definition, or None when the cluster is sure that it does not exist."""

    async def write_status(self, pod: Pod, status: str) -> None:
        """Write the network-status annotation of `pod`, if it still is that pod (by its UID)."""

    def emit(self, pod: PodReference, events: Sequence[Event]) -> None:
        """Have events recorded on the pod, soon: no request waits for it, or fails by it."""

    async def close(self) -> None:
        """Give back connections; nothing is asked any more."""


class DeviceSource(Protocol):
    """Which devices were allocated to a pod's containers.

    Raises `core.devices.NobodyKnows` where there is no such list on this node.
    """

    async def allocated(self, pod: Pod) -> Allocation:
        """The devices container by container, in the order they are handed out in (`core.devices`)."""


class DeviceInfos(Protocol):
    """What is told of devices in files on this node; `path` is the `CNIDeviceInfoFile` of an attachment."""

    async def offered(self, resource: str, device_id: str) -> DeviceInfo | None:
        """What the device plugin tells of a device; None where it tells nothing."""

    async def load(self, path: str) -> DeviceInfo | None:
        """What the file says, or None when there is none."""

    async def store(self, path: str, info: DeviceInfo) -> None:
        """Write the file, in place of one that is there."""

    async def remove(self, path: str) -> None:
        """Remove the file; a missing one is fine."""


class RdmaFacts(Protocol):
    """What is behind the interfaces of a pod on this node."""

    async def look(self, netns: str, interfaces: Mapping[str, str]) -> Mapping[str, Seen]:
        """What the namespace shows now, by interface: `interfaces` with their device IDs; nothing without RDMA."""


class PodFolders(Protocol):
    """Files for the containers of a pod, in a folder named by its UID."""

    async def store(self, uid: str, container_id: str, content: Mapping[str, bytes]) -> None:
        """Have these files, and no others, in the folder, as those of this sandbox of the pod."""

    async def remove(self, uid: str, container_id: str) -> None:
        """Remove the folder, unless it is another sandbox's by now; a missing one is fine."""

    async def sweep(self, living: Collection[str]) -> None:
        """Take away the folders of all sandboxes but those `living`, which takes no time; `tidy` deletes them."""

    async def tidy(self) -> None:
        """Delete what was taken away and not deleted yet; what cannot be deleted is in the log."""


class Plugins(Protocol):
    """Runs CNI plugin executables."""

    def find(self, kind: str, search: Sequence[str]) -> str:
        """The path of the plugin `kind` in the folders `search`; an AttachmentError says that there is none."""

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        """The kind of the interface that is all the plugin's DEL takes from the kernel, which may so be gone before.

        Empty: it takes nothing but what goes with the interface.  None: more, or nobody knows.
        """

    def reads_previous(self, kind: str, conf: Mapping[str, Any]) -> bool:
        """Whether the plugin's DEL, or that of its IPAM plugin, may make something of the ADD's result."""

    def executables(self, kind: str, conf: Mapping[str, Any]) -> Sequence[str]:
        """The types of the executables that a call of this plugin starts, as far as its configuration says."""

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        """What the plugin `kind`, found in the folders `search`, prints on stdout when it succeeds.

        `env` has the CNI_* variables.  Raises AttachmentError with the plugin's own code and words.
        """

    async def call(
        self, kind: str, *, env: Mapping[str, str], conf: Mapping[str, Any], search: Sequence[str]
    ) -> bytes | Result:
        """`run` with the configuration `conf`: what it prints or, from inside the daemon, the result itself."""


class Records(Protocol):
    """The records of sandboxes, one file each."""

    async def store(self, container_id: str, content: bytes) -> None:
        """Write durably: after a crash there is the old record or the new one."""

    async def load(self, container_id: str) -> bytes | None:
        """The record's content, or None when there is none."""

    async def remove(self, container_id: str) -> None:
        """Remove the record; a missing one is fine."""

    async def set_aside(self, container_id: str) -> str:
        """Keep an unreadable record under another name, which is returned."""

    async def tidy(self) -> None:
        """Take away what processes that were killed left of writing records, results and debts."""

    async def aside_paths(self) -> list[str]:
        """Where the records are that were set aside."""

    async def container_ids(self) -> list[str]:
        """The sandboxes with a record."""


class Results(Protocol):
    """libcni's result cache."""

    async def store(self, entry: CachedAttachment) -> None:
        """Write one entry durably."""

    async def load(self, network: str, container_id: str, ifname: str) -> CachedAttachment | None:
        """The entry, or None when there is none; one that cannot be read is removed and counts as none."""

    async def remove(self, network: str, container_id: str, ifname: str) -> None:
        """Remove the entry; a missing one is fine."""

    async def entries(self, container_id: str = "") -> list[CachedAttachment]:
        """All readable entries, or those of one sandbox."""


class Spool(Protocol):
    """DELs that were answered but not carried out: debts of this daemon."""

    def pending(self) -> list[tuple[str, bytes]]:
        """Name and content of each, the one whose last try is the longest ago first."""

    def tried(self, name: str) -> None:
        """It is tried now, so that others come before it next time; one that is gone is fine."""

    def has(self, container_id: str, ifname: str) -> bool:
        """Whether the DEL of this attachment is still owed."""

    def forget(self, container_id: str, ifname: str) -> None:
        """The DEL of this attachment is done, or void because of a new ADD."""

    def owe(self, container_id: str, ifname: str, *, env: Mapping[str, str], stdin: bytes) -> None:
        """Put a DEL there as the shim does, durably: it will be tried until it succeeds."""

    def set_aside(self, name: str) -> str:
        """Keep one that cannot be understood under another name, which is returned."""


class SandboxLocks(Protocol):
    """One request at a time for each sandbox; and none that begins while it is counted what there is."""

    def hold(
        self, container_id: str, *, can_end: bool = False, ends: bool = False, looks: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """Wait until nobody else holds the sandbox, and hold it.

        Who `ends` has those end that came before it and `can_end`: they are cancelled.  Who `looks` is no request.

        Raises:
            ClusterError: at the end of one that was ended so, once all that it did has been undone.
        """

    def busy(self) -> set[str]:
        """The container IDs some request holds or waits for."""

    def recording(self) -> AbstractAsyncContextManager[None]:
        """Held while attachments get on record, before any of them is begun; it waits for the end of a `standstill`."""

    def standstill(self) -> AbstractAsyncContextManager[None]:
        """Wait for those that are `recording`, and let nobody begin: what is on record is all there is."""


class ConfDir(Protocol):
    """CNI configurations on this node's disk."""

    def find(self, folder: str, name: str, *, list_version: str = "") -> NetworkConfig | None:
        """The first configuration in `folder` whose `name` is `name`; unreadable files are skipped (S28).

        `list_version` is the version of a list without one (S37).
        """

    def load(self, path: str, *, list_version: str = "") -> NetworkConfig:
        """The configuration at `path`: a file, or the first one of a folder; with its sub-directory's plugins."""

    def chain(self, folder: str, name: str, cni_version: str) -> NetworkConfig | None:
        """The auxiliary chain of the files `folder/name/*.conf`, or None when there are none (F23)."""

    async def wait_for(self, path: str, seconds: float) -> bool:
        """Whether the file `path` exists, waiting up to `seconds` for it."""


class Kernel(Protocol):
    """What Plurimus itself asks of the kernel inside a pod's namespace."""

    async def look(self, netns: str) -> tuple[str, Collection[str]]:
        """What no other namespace than that at `netns` has or ever had, its cookie, and the names of its interfaces.

        The cookie is empty where the kernel does not tell.
        """

    async def change_default_routes(self, netns: str, changes: Mapping[str, Sequence[RouteChange]]) -> None:
        """Carry out the changes, by interface name; new routes are in place before old ones go."""

    async def delete_links(self, netns: str, kinds: Mapping[str, str]) -> Collection[str]:
        """Delete interfaces in one step, by their names, each if it is of the kind named with it; those deleted.

        All or none: where the kernel refuses one, none is deleted.
        """

    async def is_own_namespace(self, netns: str) -> bool:
        """Whether `netns` is the namespace this process runs in (which is no pod's)."""

    async def is_anothers(self, netns: str, cookie: str) -> bool:
        """Whether the namespace at `netns` is another than the one with that cookie; no, where nobody can tell."""

    async def is_leftover(self, netns: str) -> bool:
        """Whether what is at `netns` is no network namespace: one was there and is gone."""

    async def is_gone(self, netns: str, cookie: str) -> bool:
        """Whether what was at `netns` has ended, by its cookie if that is not empty; no, where nobody can tell."""
