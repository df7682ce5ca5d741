"""Plugins written for tests, where no real one does what a test is about; see `Node.script`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PASS_ON = """
if env["CNI_COMMAND"] == "ADD":
    print(json.dumps(conf.get("prevResult") or {"cniVersion": conf["cniVersion"]}))
"""
"""The end of a plugin that changes nothing: its result is that of the plugin before it."""

FAIL = """
def fail(code, msg):
    print(json.dumps({"cniVersion": conf["cniVersion"], "code": code, "msg": msg}))
    sys.exit(1)
"""


def recorder(log: Path) -> str:
    """Writes down each call and passes on the result."""
    call = '{"verb": env["CNI_COMMAND"], "conf": conf, "env": {k: v for k, v in env.items() if k[:4] == "CNI_"}}'
    return f'with open({str(log)!r}, "a") as log:\n    print(json.dumps({call}), file=log)\n{PASS_ON}'


def calls(log: Path) -> list[dict[str, Any]]:
    """What recorders wrote to `log`."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
