"""Build the image of the daemon, without a registry or a builder: Debian's Python, our wheel and what it needs.

usage: build_image.py [OUTPUT] [--arch amd64|arm64 ...] [--extra NAME ...]

Makes OUTPUT/plurimus-<architecture>.tar, for this machine's architecture unless told; nothing of another one is run.
The packages are Debian's, fetched by apt; the wheels are those of requirements.txt, fetched by pip.  The shim for
another architecture is compiled by ziglang.  With `--extra` it also has what the wheel's extra of that name needs.
Does nothing twice.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parent))
import build_shim
import debian_root
import elf_check
import oci

ROOT = Path(__file__).resolve().parent.parent
SUITE, PYTHON = "bookworm", "3.11"
"""The release of Debian, and its Python: the one all tests run with on that release."""
PACKAGES = [
    "base-files", "busybox-static", "ca-certificates", "libbz2-1.0", "libc6", "libexpat1", "libffi8", "libgcc-s1",
    "liblzma5", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libssl3", "libuuid1", "netbase",
    f"python{PYTHON}-minimal", "zlib1g",
]  # fmt: skip
PACKAGES_OF_EXTRAS = {"tracing": ["libstdc++6"]}
"""What the wheels of an extra need beside."""
UNUSED_MODULES = ["__phello__", "config-*", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3",
                  "pydoc_data", "sqlite3", "test", "tkinter", "turtledemo", "venv"]  # fmt: skip
UNUSED_EXTENSIONS = ["_crypt", "_curses", "_curses_panel", "_dbm", "_sqlite3", "_test*", "_xxtestfuzz", "nis",
                     "readline", "xx*"]  # fmt: skip
UNUSED = [
    "usr/share/doc/*/[!c]*", "usr/share/doc/*/ch*", "usr/share/ca-certificates", "usr/share/python3",
    *(f"usr/share/{name}" for name in ("applications", "apport", "binfmts", "bug", "info", "lintian", "man")),
    "usr/lib/*/gconv", "usr/lib/*/audit",
    *(f"usr/lib/python{PYTHON}/{name}" for name in UNUSED_MODULES),
    *(f"usr/lib/python{PYTHON}/lib-dynload/{name}.*" for name in UNUSED_EXTENSIONS),
]  # fmt: skip
"""What a daemon never reads, and modules of Python whose libraries are not there; copyright files stay."""
PROGRAMS = ["basename", "cat", "chroot", "cp", "dirname", "env", "grep", "head", "ip", "ls", "mkdir", "mount", "mv",
            "nsenter", "ps", "rm", "sh", "sleep", "stat", "sync", "tail", "touch"]  # fmt: skip
"""Of busybox: the daemon needs chroot, the scripts of deploy/image some, people the others."""
SCRIPTS = ROOT / "deploy/image"
TOOLS = ("build_shim", "debian_root", "elf_check", "oci", "wheel_shim")
NAME = "plurimus"
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIBRARY = f"usr/local/lib/python{PYTHON}/dist-packages"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
LABELS = {"title": "plurimus", "version": build_shim.version(), "licenses": "Apache-2.0"}
HERE = build_shim.MACHINES.get(platform.machine(), "")


def build(output: Path, architectures: Iterable[str], extras: Sequence[str] = ()) -> None:
    """Make the images that are not there, made of the same sources and with the same extras."""
    for architecture in architectures:
        archive, stamp = output / f"plurimus-{architecture}.tar", output / f".{architecture}.built-from"
        wanted = _fingerprint(extras)
        if archive.exists() and stamp.exists() and stamp.read_text() == wanted:
            continue
        output.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="plurimus-image-") as work:
            _build(archive, architecture, Path(work), extras)
        stamp.write_text(wanted)


def name() -> str:
    """The image's name: no registry has it, so whoever wants one there gives it another."""
    return f"localhost/plurimus:{build_shim.version()}"


def _build(archive: Path, architecture: str, work: Path, extras: Sequence[str]) -> None:
    started = time.monotonic()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    base, ours = work / "base", work / "ours"
    wanted = [*PACKAGES, *(each for extra in extras for each in PACKAGES_OF_EXTRAS.get(extra, ()))]
    _say(f"fetching {len(wanted)} packages of {SUITE} for {architecture}")
    packages = debian_root.unpack(wanted, base, suite=SUITE, architecture=architecture, work=work / "apt")
    interpreter = base
    if architecture != HERE:
        interpreter = work / "here"
        debian_root.unpack(PACKAGES, interpreter, suite=SUITE, architecture=HERE, work=work / "apt-here")
    _arrange(base)
    _say("fetching the wheels")
    library = ours / LIBRARY
    _install(_wheel(architecture, work), library, architecture, extras)
    _programs(ours)
    _identity(ours, packages, extras)
    _compile(interpreter, base / f"usr/lib/python{PYTHON}", f"/usr/lib/python{PYTHON}")
    _compile(interpreter, library, f"/{LIBRARY}")
    if problems := elf_check.problems([base, ours], architecture):
        raise SystemExit("build_image: the image would not run:\n" + "\n".join(problems))
    layers = [oci.layer_of_folder(folder, epoch=epoch) for folder in (base, ours)]
    config = {
        "Env": [f"PATH={PATHS}", "PYTHONDONTWRITEBYTECODE=1"],
        "Entrypoint": ["/usr/bin/plurimus"],
        "Cmd": ["daemon"],
        "Labels": {f"org.opencontainers.image.{key}": value for key, value in LABELS.items()},
    }
    oci.write(archive, name(), layers, architecture=architecture, config=config, epoch=epoch)
    size = archive.stat().st_size / 2**20
    _say(f"{archive}: {name()}, {size:.0f} MiB, in {time.monotonic() - started:.0f} s")


def _arrange(base: Path) -> None:
    """Do what the packages' scripts would, and remove what nobody reads."""
    certificates = sorted((base / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = base / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(each.read_text().rstrip("\n") + "\n" for each in certificates))
    for link, target in {
        "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt",
        "usr/lib/ssl/certs": "/etc/ssl/certs",
        "usr/bin/python3": f"python{PYTHON}",
        # runtimes name network namespaces by either path
        "var/run": "/run",
        **{f"usr/bin/{program}": "/bin/busybox" for program in PROGRAMS},
        "bin/sh": "/bin/busybox",
    }.items():
        _link(base / link, target)
    (base / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (base / "etc/group").write_text("root:x:0:\n")
    for pattern in UNUSED:
        for path in base.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _link(link: Path, target: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _wheel(architecture: str, work: Path) -> Path:
    environment = os.environ | ({} if architecture == HERE else {"PLURIMUS_TARGET": architecture})
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work / "dist")], environment)
    (wheel,) = (work / "dist").glob("*.whl")
    return wheel


def _install(wheel: Path, library: Path, architecture: str, extras: Sequence[str]) -> None:
    """Our wheel and, in the locked releases, all it needs; pip would ask the Python it runs in what that is."""
    machine = MACHINES[architecture]
    tags = [*(f"manylinux_2_{minor}_{machine}" for minor in range(36, 16, -1)), f"manylinux2014_{machine}"]
    options = ["--target", str(library), "--no-deps", "--no-compile", "--only-binary=:all:", "--upgrade", "--quiet",
               "--disable-pip-version-check", "--implementation", "cp", "--python-version", PYTHON,
               *(f"--platform={tag}" for tag in tags)]  # fmt: skip
    wanted, locked, needed = [str(wheel)], wheel.with_name("locked.txt"), set[NormalizedName]()
    while wanted:
        _run([sys.executable, "-m", "pip", "install", *options, *wanted], os.environ)
        missing = set(missing_in(library, extras))
        needed |= missing  # all at once: pip takes a folder away that an earlier call has made, though several share it
        locked.write_text("".join(_locked(needed)))
        wanted = ["--require-hashes", "--requirement", str(locked)] if missing else []
    shutil.rmtree(library / "bin")
    # the one extension that needs C++'s library; the module does without it, where it matters nothing
    for extension in library.glob("frozenlist/*.so"):
        extension.unlink()
    for unneeded in (*library.glob("*.dist-info/RECORD"), *library.glob("*.dist-info/direct_url.json")):
        unneeded.unlink()  # they name the folder this was made in


def _locked(names: set[NormalizedName]) -> Iterator[str]:
    """What requirements.txt says of these packages: each with its one version and the hashes of its files."""
    lines = (ROOT / "requirements.txt").read_text().replace("\\\n", " ").splitlines(keepends=True)
    entries = {canonicalize_name(line.partition("==")[0]): line for line in lines if "==" in line}
    if unlocked := names - entries.keys():
        raise SystemExit(f"build_image: {', '.join(sorted(unlocked))} are not in requirements.txt; lock them there")
    return (entries[name] for name in sorted(names))


def missing_in(library: Path, extras: Sequence[str]) -> Iterator[NormalizedName]:
    """The names of what the packages in `library`, and these extras of ours, require and do not find there."""
    found = list(distributions(path=[str(library)]))
    there = {canonicalize_name(each.metadata["Name"]) for each in found}
    ours = next((each for each in found if each.metadata["Name"] == NAME), None)
    if unknown := set(extras) - set(ours.metadata.get_all("Provides-Extra") or () if ours else ()):
        raise SystemExit(f"build_image: {NAME} has no extra {', '.join(sorted(unknown))}")
    needed = {
        canonicalize_name(required.name)
        for each in found
        for extra in ("", *(extras if each is ours else ()))
        for required in _required(each, extra)
    }
    yield from needed - there


def _required(distribution: Distribution, extra: str) -> Iterator[Requirement]:
    environment = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "extra": extra}
    for text in distribution.requires or []:
        required = Requirement(text)
        if required.marker is None or required.marker.evaluate(environment):
            yield required


def _programs(ours: Path) -> None:
    folder = ours / "usr/bin"
    folder.mkdir(parents=True)
    (folder / "plurimus").write_text(f"#!/usr/bin/python{PYTHON} -I\nfrom plurimus.cli.main import main\n\nmain()\n")
    (folder / "plurimus").chmod(0o755)
    for script in SCRIPTS.iterdir():
        shutil.copy(script, folder / script.name)
    _link(folder / "plurimus-shim", f"/{LIBRARY}/plurimus/plurimus-shim")


def _identity(ours: Path, packages: Iterable[str], extras: Sequence[str]) -> None:
    """A name that changes with what is in the image."""
    digest = hashlib.sha256("\n".join([_fingerprint(extras), *packages]).encode()).hexdigest()
    path = ours / "usr/share/plurimus/id"
    path.parent.mkdir(parents=True)
    path.write_text(f"{build_shim.version()}-{digest[:12]}\n")


def _compile(interpreter: Path, folder: Path, shown: str) -> None:
    """Compile the modules of `folder`, which the image has at `shown`, by the image's own Python.

    Without, each start of the daemon would: its file system is read-only.
    """
    (loader,) = interpreter.glob("lib/*-linux-gnu/ld-linux-*.so.*")
    libraries = ":".join(str(path) for path in interpreter.glob("**/*-linux-gnu"))
    program = interpreter / f"usr/bin/python{PYTHON}"
    command = [str(loader), "--library-path", libraries, str(program), "-S", "-m", "compileall", "-q", "-j", "0",
               "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", shown, str(folder)]  # fmt: skip
    _run(command, os.environ | {"PYTHONHOME": str(interpreter / "usr"), "PYTHONHASHSEED": "0"})


def _fingerprint(extras: Sequence[str]) -> str:
    """Changes with all of the project that goes into an image; a newer package in Debian's archive does not count."""
    tracked = [ROOT / name for name in ("requirements.txt", "pyproject.toml", "LICENSE", "README.md")]
    tracked += [Path(__file__).with_name(f"{name}.py") for name in (*TOOLS, "build_image")]
    for folder, pattern in (("src/plurimus", "**/*.py"), ("shim", "*"), ("deploy/image", "*")):
        tracked += sorted((ROOT / folder).glob(pattern))
    digest = hashlib.sha256(" ".join((os.environ.get("SOURCE_DATE_EPOCH", ""), *sorted(extras))).encode())
    for path in tracked:
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _run(command: list[str], environment: dict[str, str] | os._Environ[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"build_image: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _say(text: str) -> None:
    print(f"build_image: {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, nargs="?", default=ROOT / "build/images")
    parser.add_argument("--arch", nargs="+", choices=sorted(MACHINES), default=[HERE], metavar="ARCHITECTURE")
    parser.add_argument("--extra", nargs="+", default=[], metavar="NAME")
    arguments = parser.parse_args()
    build(arguments.output, arguments.arch, arguments.extra)
