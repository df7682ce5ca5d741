"""What a daemon does not take into its memory."""

from __future__ import annotations

import json
import subprocess
import sys

_LOOK = """
import json, sys
import plurimus.cli.daemon
print(json.dumps(sorted({"yaml", "rich", "aiohttp", "http.client", "urllib.request"} & set(sys.modules))))
"""


def test_a_daemon_has_no_parser_of_yaml_no_colours_and_no_second_way_to_speak_http() -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
