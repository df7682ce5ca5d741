"""Write the manifests of deploy/, one file for `kubectl apply -f` each, from the kustomizations in deploy/kustomize.

usage: write_manifests.py [--check]

With --check nothing is written, and the exit status says whether a file would change.  Needs kubectl: that of the tests
on a real Kubernetes, or that of PATH.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
MANIFESTS = {"plurimus.yaml": "thick", "plurimus-thin.yaml": "thin", "plurimus-crio.yaml": "crio"}
"""Each file, and the folder of its kustomization."""
HEAD = """\
# Made by `make manifests` from deploy/kustomize/{source}, which says why each thing is as it is; do not edit.
#   kubectl apply -f {name}
"""


def rendered(name: str) -> str:
    """The text of a manifest as its kustomization has it now."""
    source = MANIFESTS[name]
    command = [_kubectl(), "kustomize", str(DEPLOY / "kustomize" / source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"write_manifests: {' '.join(command)} failed:\n{done.stderr}")
    return HEAD.format(name=name, source=source) + done.stdout


def _kubectl() -> str:
    found = shutil.which("kubectl", path=str(ROOT / "build/kubernetes")) or shutil.which("kubectl")
    if found is None:
        raise SystemExit("write_manifests: there is no kubectl; tools/build_kubernetes.py --only kubectl builds it")
    return found


def main(*, check: bool) -> int:
    """Write what differs, or say so."""
    stale = []
    for name in MANIFESTS:
        path, text = DEPLOY / name, rendered(name)
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    if stale:
        print(f"write_manifests: {'out of date' if check else 'wrote'}: {', '.join(stale)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    sys.exit(main(check=parser.parse_args().check))
