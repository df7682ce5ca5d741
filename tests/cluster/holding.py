"""A program: hold this node's pods as a daemon does, and print how many they are and what memory that takes.

usage: python -m tests.cluster.holding KUBECONFIG NODE
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path

from plurimus.adapters import kubeconfig
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubernetes import KubernetesCluster


def memory() -> dict[str, int]:
    """KiB that are resident now, and at most so far."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[0] in ("VmRSS:", "VmHWM:")}


async def main(path: str, node: str) -> None:
    api = ApiServer(kubeconfig.load(Path(path)), timeout=60)
    cluster = KubernetesCluster(api, node)
    # TLS and HTTP are loaded before anything is counted
    await cluster.get_pod("default", "nobody")
    gc.collect()
    before = memory()
    task = asyncio.create_task(cluster.run())
    try:
        await asyncio.wait_for(cluster.synced(), 120)
        gc.collect()
        after = memory()
        print(json.dumps({"held": len(cluster.held_pods()), "before": before, "after": after}))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cluster.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
