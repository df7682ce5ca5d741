"""What is told of an attachment's device, before, after and at the end of its life.

The device plugin's file is copied to the attachment's own before its ADD; the plugins may add to it; it is shown in
the network status, and gone after DEL.  Only an attachment whose plugin is to read the file depends on it: whatever
else goes wrong with one is logged.

Spec section 5.5.
"""

from __future__ import annotations

import structlog

from plurimus.cni.errors import PlurimusError
from plurimus.core.plan import DEVICE_INFO_FILE, Attachment
from plurimus.core.ports import DeviceInfos
from plurimus.model.deviceinfo import DeviceInfo

_log = structlog.get_logger(__name__)


async def hand_over(infos: DeviceInfos, attachment: Attachment) -> None:
    """Give the attachment what the device plugin tells, in place of what an earlier one left under its name.

    Raises:
        AttachmentError: the file cannot be written, and a plugin of the network declares that it reads it.
    """
    path = _path(attachment)
    if not path:
        return
    info = await _offered(infos, attachment)
    try:
        if info is None:
            await infos.remove(path)
        else:
            await infos.store(path, info)
    except PlurimusError as error:
        if _is_declared(attachment):
            raise error.about("the device information the plugin is to read: ") from None
        _log.warning("the device information is not handed over", error=str(error))


async def told(infos: DeviceInfos, attachment: Attachment) -> DeviceInfo | None:
    """What is known of the device once the attachment is made."""
    path = _path(attachment)
    if not path:
        return None
    try:
        return await infos.load(path)
    except PlurimusError as error:
        _log.warning("the network status is without device information", network=attachment.display_name,
                     interface=attachment.ifname, error=str(error))  # fmt: skip
        return None


async def forget(infos: DeviceInfos, attachment: Attachment) -> None:
    """Take the file away: nobody holds anything by it, so its leftovers fail no DEL."""
    path = _path(attachment)
    if not path:
        return
    try:
        await infos.remove(path)
    except PlurimusError as error:
        _log.warning("the device information stays", error=str(error))


async def _offered(infos: DeviceInfos, attachment: Attachment) -> DeviceInfo | None:
    if not attachment.resource_name or not attachment.device_id:
        return None
    try:
        return await infos.offered(attachment.resource_name, attachment.device_id)
    except PlurimusError as error:
        _log.warning("what the device plugin tells of the device cannot be used", error=str(error))
        return None


def _path(attachment: Attachment) -> str:
    path = attachment.capability_args.get(DEVICE_INFO_FILE)
    return path if isinstance(path, str) else ""


def _is_declared(attachment: Attachment) -> bool:
    return any((plugin.get("capabilities") or {}).get(DEVICE_INFO_FILE) for plugin in attachment.config.plugins)
