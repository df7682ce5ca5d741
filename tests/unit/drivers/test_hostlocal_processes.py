"""Many processes at one folder at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from .leases import files

EACH, PROCESSES = 50, 8
WORKER = """
import asyncio, json, sys
from pathlib import Path
from plurimus.drivers import call
from plurimus.drivers.hostlocal.driver import HostLocal

root, who, each = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
conf = {"cniVersion": "1.1.0", "name": "net", "ipam": {"type": "host-local", "ranges": [
    [{"subnet": "10.0.0.0/23"}], [{"subnet": "fd00::/64"}]]}}
stdin = json.dumps(conf).encode()

def request(verb, number):
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": f"{who}-{number}", "CNI_IFNAME": "net1"}
    return call.read(env, stdin, ())

async def one(driver, number):
    given = await driver.add(request("ADD", number))
    print(json.dumps([f"{who}-{number}", [ip.address.partition("/")[0] for ip in given.ips]]))
    if number % 2:
        await driver.delete(request("DEL", number))

async def main():
    driver = HostLocal(root)
    for first in range(0, each, 5):
        await asyncio.gather(*(one(driver, number) for number in range(first, first + 5)))

asyncio.run(main())
"""


def test_no_address_is_given_twice_and_none_is_left_behind(tmp_path: Path) -> None:
    """Each process gives fifty of each family, five at a time, and takes back every second."""
    arguments = [sys.executable, "-c", WORKER, str(tmp_path)]
    workers = [
        subprocess.Popen([*arguments, f"worker{n}", str(EACH)], stdout=subprocess.PIPE, text=True)
        for n in range(PROCESSES)
    ]
    printed = [worker.communicate(timeout=300)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES
    given = [json.loads(line) for text in printed for line in text.splitlines()]
    # 510 and 2^64 addresses go round less than once, so nothing that was taken back is given again
    assert set(Counter(ip for _, ips in given for ip in ips).values()) == {1}
    kept = {ip: f"{pod}\r\nnet1".encode() for pod, ips in given for ip in ips if int(pod.partition("-")[2]) % 2 == 0}
    left = files(tmp_path)
    assert {name: content for name, content in left.items() if not name.startswith("last_reserved_ip.")} == kept
    assert len(kept) == EACH * PROCESSES
