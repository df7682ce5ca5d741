"""What an interface was before `tuning` changed it, in the plugin's files and their form.

`<dataDir>/<container ID>_<interface>.json` has the attributes that were changed.  It is on the disk before they are,
and a second ADD leaves what it says, since by then the interface is no more what it was.

Plugins spec section 10.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec

from plurimus.adapters import files, rooted
from plurimus.cni import gojson, macs
from plurimus.cni.errors import AttachmentError, Code
from plurimus.drivers.call import Call
from plurimus.drivers.tuning import conf
from plurimus.drivers.tuning.conf import ORDER, Attributes


class _File(msgspec.Struct, frozen=True):
    mac: str | None = None
    promisc: bool | None = None
    mtu: int | None = None
    allmulti: bool | None = None
    txqlen: int | None = msgspec.field(default=None, name="txQLen")


@dataclass(frozen=True, slots=True)
class Backup:
    path: Path

    @classmethod
    def of(cls, call: Call, root: Path) -> Backup:
        """That of the attachment, whether there is one or not; `root` is where the node's files are."""
        folder = rooted.below(str(root), conf.data_dir(call))
        return cls(Path(folder) / f"{call.container_id}_{call.ifname}.json")

    def load(self) -> Attributes | None:
        """What the interface was; None where nothing was changed.

        Raises:
            AttachmentError: code 5, it cannot be read; code 6, it cannot be understood, as where a plugin was killed
                while it wrote.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(self.path, "read", error) from error
        try:
            found = gojson.convert(gojson.decode_object(content), _File)
            if found.mac is not None:
                macs.packed(found.mac)
            return {key: value for key, value in msgspec.to_builtins(found).items() if value is not None}
        except ValueError as error:
            raise AttachmentError(f"{self.path} cannot be understood: {error}", code=Code.DECODING_FAILURE) from error

    def save(self, present: Attributes) -> None:
        """Put what the interface is on the disk, as what it was.

        Raises:
            AttachmentError: code 5, with the path.
        """
        ordered = {key: present[key] for key in ORDER if key in present}
        files.replace(self.path, json.dumps(ordered, indent=1).encode(), durable=True)

    def remove(self) -> None:
        """Remove it; it may be gone.

        Raises:
            AttachmentError: code 5, with the path.
        """
        files.remove(self.path)
