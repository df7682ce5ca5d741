"""What a daemon does not take into its memory, unless it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys

_LOOK = """
import json, sys
import plurimus.cli.daemon
unwanted = {"yaml", "rich", "aiohttp", "http.client", "urllib.request", "prometheus_client", "opentelemetry"}
print(json.dumps(sorted(unwanted & set(sys.modules))))
"""


def test_a_daemon_has_no_parser_of_yaml_no_colours_no_second_way_to_speak_http_and_nobody_who_watches() -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
