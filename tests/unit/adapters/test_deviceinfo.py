"""Device-information files on the disk, below the root of the node (F42, S44)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plurimus.adapters.deviceinfo import MOST, OFFERED_DIR, DeviceInfoFiles
from plurimus.cni.errors import AttachmentError, Code
from plurimus.core.plan import DEVICE_INFO_DIR
from plurimus.model import deviceinfo

INFO = deviceinfo.parse(b'{"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:18:02.5"}}')
OTHER = deviceinfo.parse(b'{"type": "vhost-user", "vhost-user": {"mode": "client", "path": "/run/x"}}')
FILE = f"{DEVICE_INFO_DIR}/ns-rail-cid1_net1"


def at(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def offer(root: Path, name: str, content: bytes) -> Path:
    path = at(root, f"{OFFERED_DIR}/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


async def test_what_a_device_plugin_offers_is_found_by_resource_and_device(tmp_path: Path) -> None:
    """F42: slashes of either are dashes in the file's name."""
    files = DeviceInfoFiles(tmp_path)
    assert await files.offered("intel.com/vf", "0000:18:02.5") is None
    offer(tmp_path, "intel.com-vf-0000:18:02.5-device.json", INFO.encode())
    offer(tmp_path, "intel.com-vf-sub-1-device.json", OTHER.encode())
    assert await files.offered("intel.com/vf", "0000:18:02.5") == INFO
    assert await files.offered("intel.com/vf", "sub/1") == OTHER


async def test_a_file_is_written_whole_for_everybody_to_read_in_place_of_an_old_one(tmp_path: Path) -> None:
    """F42, S44."""
    files = DeviceInfoFiles(tmp_path)
    before = os.umask(0o077)
    try:
        await files.store(FILE, OTHER)
        await files.store(FILE, INFO)
    finally:
        os.umask(before)
    path = at(tmp_path, FILE)
    assert path.read_bytes() == INFO.encode()
    assert path.stat().st_mode & 0o7777 == 0o444
    assert {folder.stat().st_mode & 0o7777 for folder in (path.parent, path.parent.parent)} == {0o755}
    assert list(path.parent.iterdir()) == [path]
    assert await files.load(FILE) == INFO
    await files.remove(FILE)
    await files.remove(FILE)
    assert await files.load(FILE) is None
    assert list(path.parent.iterdir()) == []


async def test_links_of_another_root_lead_below_it(tmp_path: Path) -> None:
    """F63: /var/run is a link to /run on most machines, and an absolute one on some."""
    for target in ("/run", "../run"):
        root = tmp_path / target.replace("/", "_")
        (root / "var").mkdir(parents=True)
        (root / "run").mkdir()
        (root / "var/run").symlink_to(target)
        files = DeviceInfoFiles(root)
        await files.store(FILE, INFO)
        assert (root / "run" / Path(FILE).relative_to("/var/run")).read_bytes() == INFO.encode()
        assert await files.load(FILE) == INFO


@pytest.mark.parametrize(
    "path", ["/etc/shadow", f"{DEVICE_INFO_DIR}/../dp/x", f"{DEVICE_INFO_DIR}/..", "", DEVICE_INFO_DIR, "cni/x"]
)
async def test_a_path_that_is_no_file_of_an_attachment_is_refused(tmp_path: Path, path: str) -> None:
    """A record somebody changed leads nowhere else."""
    files = DeviceInfoFiles(tmp_path)
    for work in (files.load(path), files.store(path, INFO), files.remove(path)):
        with pytest.raises(AttachmentError, match="is no device-information file"):
            await work
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "Expecting"), (b'{"version": "2.0"}', "expected 1.0.0"), (b" " * (MOST + 1), f"more than {MOST} bytes")],
    ids=["torn", "of-a-later-version", "too-long"],
)
async def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = offer(tmp_path, "r-d-device.json", content)
    with pytest.raises(AttachmentError, match=words) as caught:
        await DeviceInfoFiles(tmp_path).offered("r", "d")
    assert caught.value.msg.startswith(f"{path} is no device information: ")


async def test_what_the_system_refuses_is_told_with_the_path(tmp_path: Path) -> None:
    files, path = DeviceInfoFiles(tmp_path), at(tmp_path, FILE)
    path.mkdir(parents=True)
    (path / "x").write_text("")
    for verb, work in (("read", files.load(FILE)), ("write", files.store(FILE, INFO)), ("remove", files.remove(FILE))):
        with pytest.raises(AttachmentError, match=f"cannot {verb} {path}: ") as caught:
            await work
        assert caught.value.code == Code.IO_FAILURE
    blocked = DeviceInfoFiles(tmp_path / "other")
    (tmp_path / "other").write_text("")
    with pytest.raises(AttachmentError, match=r"cannot create .*: Not a directory"):
        await blocked.store(FILE, INFO)
