"""What a daemon does not take into its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_LOOK = """
import json, os, sys
import plurimus.cli.daemon
from aiohttp import connector
authorities = connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"]
print(json.dumps([sorted({"yaml", "rich"} & set(sys.modules)), authorities, os.environ.get("SSL_CERT_FILE")]))
"""


def test_a_daemon_has_no_parser_of_yaml_no_colours_and_no_authorities_of_others() -> None:
    """And finds the system's where its kubeconfig wants them: the environment is as it was."""
    env = {name: value for name, value in os.environ.items() if name not in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    for place in (None, "/etc/authorities.pem"):
        given = env if place is None else {**env, "SSL_CERT_FILE": place}
        done = subprocess.run([sys.executable, "-c", _LOOK], env=given, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == [[], 0, place]
