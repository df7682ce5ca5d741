"""What an image is made of: the archive that runtimes import, and the check that what is in it can run."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tools import build_image, elf_check, oci

HERE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def folder(path: Path) -> Path:
    """Files, a folder and a link, with modes."""
    (path / "usr/bin").mkdir(parents=True)
    (path / "usr/bin/tool").write_text("tool")
    (path / "usr/bin/tool").chmod(0o755)
    (path / "usr/data").write_text("data")
    (path / "usr/data").chmod(0o640)
    (path / "bin").symlink_to("usr/bin")
    return path


def written(path: Path, files: Path) -> bytes:
    layers = [oci.layer_of_folder(files), oci.layer_of_programs({"second": b"2"})]
    config = {"Entrypoint": ["/usr/bin/tool"]}
    return oci.write(path, "example/tool:1", layers, architecture="arm64", config=config).read_bytes()


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {each.name: found.read() for each in tar if (found := tar.extractfile(each)) is not None}


def test_an_archive_is_an_oci_layout_whose_digests_are_those_of_its_blobs(tmp_path: Path) -> None:
    files = unpacked(written(tmp_path / "image.tar", folder(tmp_path / "files")))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"

    def blob(described: dict[str, Any]) -> bytes:
        content = files["blobs/" + described["digest"].replace(":", "/")]
        assert described["size"] == len(content)
        return content

    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["platform"] == {"architecture": "arm64", "os": "linux"}
    assert described["annotations"]["io.containerd.image.name"] == "example/tool:1"
    manifest = json.loads(blob(described))
    config = json.loads(blob(manifest["config"]))
    assert (config["architecture"], config["config"]) == ("arm64", {"Entrypoint": ["/usr/bin/tool"]})
    layers = [gzip.decompress(blob(layer)) for layer in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    (docker,) = json.loads(files["manifest.json"])
    assert docker["RepoTags"] == ["example/tool:1"]
    assert [files[path] for path in (docker["Config"], *docker["Layers"])] == [
        blob(each) for each in (manifest["config"], *manifest["layers"])
    ]


def test_a_layer_has_the_files_of_its_folder_as_roots(tmp_path: Path) -> None:
    """Whoever built it, and whenever."""
    layer = oci.layer_of_folder(folder(tmp_path), epoch=7)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.blob))) as tar:
        found = {each.name: (each.type, oct(each.mode), each.linkname) for each in tar}
        assert {(each.uid, each.gid, each.uname, each.mtime) for each in tar} == {(0, 0, "", 7)}
    assert found == {
        "bin": (tarfile.SYMTYPE, "0o777", "usr/bin"),
        "usr": (tarfile.DIRTYPE, "0o755", ""),
        "usr/bin": (tarfile.DIRTYPE, "0o755", ""),
        "usr/bin/tool": (tarfile.REGTYPE, "0o755", ""),
        "usr/data": (tarfile.REGTYPE, "0o640", ""),
    }


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    """In whatever order they came to the disk, at whatever time."""
    first = folder(tmp_path / "first")
    second = tmp_path / "second"
    second.mkdir()
    (second / "bin").symlink_to("usr/bin")
    folder_of_second = folder_without_link(second)
    os.utime(folder_of_second / "usr/data", (1, 1))
    assert written(tmp_path / "1.tar", first) == written(tmp_path / "2.tar", folder_of_second)


def folder_without_link(path: Path) -> Path:
    (path / "usr/bin").mkdir(parents=True)
    (path / "usr/data").write_text("data")
    (path / "usr/data").chmod(0o640)
    (path / "usr/bin/tool").write_text("tool")
    (path / "usr/bin/tool").chmod(0o755)
    return path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a program for this machine, which needs C's library."""
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "root").mkdir()
    subprocess.run(["cc", "-o", tmp_path / "root/program", tmp_path / "main.c"], check=True)
    return tmp_path / "root"


def test_a_program_whose_library_is_missing_is_found(program: Path, tmp_path: Path) -> None:
    (missing,) = elf_check.problems([program], HERE)
    assert missing == "program needs libc.so.6, which is not there"
    (tmp_path / "other").mkdir()
    (tmp_path / "other/libc.so.6").write_text("a library in another layer")
    assert elf_check.problems([program, tmp_path / "other"], HERE) == []


def test_a_program_of_another_machine_is_found(program: Path) -> None:
    (other,) = elf_check.MACHINES.keys() - {HERE}
    assert f"program is not for {elf_check.MACHINES[other]}" in elf_check.problems([program], other)


def test_what_is_no_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("nowhere")
    assert elf_check.problems([tmp_path], HERE) == []


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """With a package called as ours, and one it needs, which has an extra of the same name."""
    extra = 'Provides-Extra: tracing\nRequires-Dist: {}; extra == "tracing"\n'
    for name, rest in {
        "plurimus": f"Requires-Dist: there\nRequires-Dist: old; python_version < '3'\n{extra.format('Spans.OTLP')}",
        "there": f"Requires-Dist: deeper>=1\n{extra.format('not-this')}",
    }.items():
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{rest}")
    return tmp_path


@pytest.mark.parametrize(("extras", "wanted"), [([], {"deeper"}), (["tracing"], {"deeper", "spans-otlp"})])
def test_an_image_has_what_ours_and_its_extras_need_and_no_extras_of_others(
    library: Path, extras: list[str], wanted: set[str]
) -> None:
    assert set(build_image.missing_in(library, extras)) == wanted


def test_an_extra_that_ours_does_not_have_is_refused_by_name(library: Path) -> None:
    with pytest.raises(SystemExit, match="plurimus has no extra tracin"):
        set(build_image.missing_in(library, ["tracin"]))
