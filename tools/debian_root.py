"""The files of Debian packages in a folder, for any architecture: no package manager runs in it, nothing is installed.

The packages come from one release of Debian, whatever this machine runs, by a configuration of apt of its own: the
machine's lists, packages and settings stay as they are.  The mirror is the machine's, or that of DEBIAN_MIRROR.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_CONFIG = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/packages";
"""


def unpack(
    packages: Iterable[str], root: Path, *, suite: str, architecture: str, work: Path, dependencies: bool = False
) -> list[str]:
    """Unpack `packages` of `suite` into `root`; the names of the packages' files, sorted.

    Those they depend on are unpacked where `dependencies` says so, all of them, whatever this machine has.  `work` is
    an empty folder for what is needed on the way.
    """
    prepare(suite, architecture, work)
    return fetch(packages, root, work=work, dependencies=dependencies)


def prepare(suite: str, architecture: str, work: Path) -> None:
    """Have a configuration of apt in the empty folder `work`, and the lists of `suite`."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise SystemExit(f"debian_root: {program} is missing; this needs a machine with Debian's apt and dpkg")
    if not _KEYRING.exists():
        raise SystemExit(f"debian_root: {_KEYRING} is missing; apt-get install debian-archive-keyring")
    for folder in ("lists/partial", "cache", "packages/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    lines = [f"deb [signed-by={_KEYRING}] {mirror} {name} main\n" for mirror, name in _archives(suite)]
    (work / "sources.list").write_text("".join(lines))
    (work / "apt.conf").write_text(_CONFIG.format(architecture=architecture, folder=work))
    _apt(work, "apt-get", "update", "-qq")


def fetch(packages: Iterable[str], root: Path, *, work: Path, dependencies: bool = False) -> list[str]:
    """Unpack `packages` as `unpack` does, by what `prepare` made in `work`."""
    words = ["install", "--download-only", "-y", "--no-install-recommends"] if dependencies else ["download"]
    _apt(work, "apt-get", *words, "-qq", *packages)
    found = sorted((work / "packages").glob("*.deb"))
    root.mkdir(parents=True, exist_ok=True)
    for package in found:
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    return [package.stem for package in found]


def names(pattern: str, *, work: Path) -> list[str]:
    """The names of all packages that match a regular expression, by what `prepare` made in `work`."""
    told = _apt(work, "apt-cache", "search", "--names-only", pattern)
    return [line.split()[0] for line in told.splitlines()]


def _archives(suite: str) -> Iterable[tuple[str, str]]:
    """Mirror and suite: of the release, and of its security updates if it has any."""
    found = _mirrors()
    if not found:
        # a machine without lists does not know whose its mirrors are
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        found = _mirrors()
    mirror = os.environ.get("DEBIAN_MIRROR") or found.get("Debian")
    if not mirror:
        raise SystemExit(
            "debian_root: apt knows no mirror of Debian here; name one in DEBIAN_MIRROR (http://.../debian)"
        )
    yield mirror, suite
    if suite.endswith("-backports"):
        return  # these get theirs as new releases
    yield found.get("Debian-Security") or mirror.rstrip("/") + "-security", f"{suite}-security"


def _mirrors() -> dict[str, str]:
    """This machine's mirrors of Debian, by their labels."""
    asked = ["apt-get", "indextargets", "--format", "$(LABEL) $(SITE)", "Origin: Debian"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return dict(line.rsplit(maxsplit=1) for line in told.splitlines() if len(line.split()) == 2)


def _apt(work: Path, *words: str) -> str:
    environment = os.environ | {"APT_CONFIG": str(work / "apt.conf"), "LC_ALL": "C"}
    done = subprocess.run(words, cwd=work / "packages", env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"debian_root: {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
