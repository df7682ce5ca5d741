"""Plurimus as a candidate of the CNI benchmark: writes `bench/subject.json` for this checkout.

The benchmark compares meta-plugins on one machine, each with an API server of its own.  It fills in what
stands in braces: the candidate's work folder, its kubeconfig, the folder with the plugins.  With `--executables` no
plugin runs inside the daemon, and the candidate is called `plurimus-executables`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from plurimus.adapters.plugins import Executables
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.node.drivers import drivers

ROOT = Path(__file__).resolve().parent.parent
SHIM = ROOT / "build/plurimus-shim"
DAEMON = ROOT / ".venv/bin/plurimus"
SOCKETS, STATE = "{work}/sock", "{work}/cni"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, default=ROOT / "bench/subject.json", help="the file to write")
    parser.add_argument("--executables", action="store_true", help="have all plugins run as executables")
    arguments = parser.parse_args()
    missing = [str(path) for path in (SHIM, DAEMON) if not path.exists()]
    if missing:
        sys.exit(f"bench: {' and '.join(missing)}: not there; run `make setup`")
    arguments.write.write_text(json.dumps(subject(executables=arguments.executables), indent=2) + "\n")


def subject(*, executables: bool) -> dict[str, Any]:
    """Shim and daemon of this checkout; the runtime and the daemon are told the same, as on a node."""
    return {
        "name": "plurimus-executables" if executables else "plurimus",
        "plugin": str(SHIM),
        "conf": {
            "cniVersion": "1.0.0",
            "name": "plurimus",
            "type": "plurimus",
            "daemonSocketDir": SOCKETS,
            "cniDir": STATE,
            "clusterNetwork": "{default_conf}",
        },
        "daemon": [str(DAEMON), "daemon", "--config", "{work}/plurimus.json"],
        "daemon_env": {"MULTUS_NODE_NAME": "{node}"},
        "files": {
            "plurimus.json": {
                "socketDir": SOCKETS,
                "kubeconfig": "{kubeconfig}",
                "clusterNetwork": "{default_conf}",
                "binDir": "{cnibin}",
                "cniDir": STATE,
                "confDir": "{netd}",
                "definitionFolders": ["/"],  # its networks keep addresses in its own folder
                "independentPlugins": ["slowmac"],  # the benchmark's own: macvlan, and a pause
                "executables": switched_off() if executables else [],
            }
        },
        "ready": [f"{SOCKETS}/multus.sock"],
    }


def switched_off() -> list[str]:
    """Every plugin type there is a driver for."""
    return [*drivers(Path("/"), Ipam(InProcess(Executables(timeout=0)))), "whereabouts"]


if __name__ == "__main__":
    main()
