"""How shims find out whether a daemon is ready: `/readyz` is newer than Multus 4.3.0."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .listening import RESULT, Listening
from .multus import http
from .node import PLUGINS, SharedNode

OLD, NEW = ("/healthz", "/cni"), ("/healthz", "/readyz", "/cni")
ENVIRONMENT = {
    "CNI_CONTAINERID": "cid",
    "CNI_NETNS": "/run/netns/pod",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin",
    "CNI_ARGS": "K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod",
}


def call(plugin: str, verb: str, folder: Path) -> dict[str, Any]:
    conf = {"cniVersion": "1.1.0", "name": "node", "type": plugin, "daemonSocketDir": str(folder)}
    env = {"CNI_COMMAND": verb, **ENVIRONMENT}
    done = subprocess.run([PLUGINS[plugin]], input=json.dumps(conf).encode(), env=env, capture_output=True, timeout=60,
                          check=True)  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


@pytest.mark.parametrize("daemon", [OLD, NEW], ids=["old-daemon", "new-daemon"])
@pytest.mark.parametrize("verb", ["ADD", "CHECK", "STATUS", "GC", "DEL"])
def test_the_shim_of_4_3_0_asks_for_healthz_whatever_the_verb(
    tmp_path: Path, daemon: tuple[str, ...], verb: str
) -> None:
    """F60, F62.  Spec section 7.3 is about the release after it."""
    with Listening(tmp_path, *daemon) as listening:
        assert call("multus-shim", verb, tmp_path) == (RESULT if verb == "ADD" else {})
    assert listening.asked == ["POST /healthz", "POST /cni"]


@pytest.mark.parametrize(("daemon", "probes"), [(OLD, ["/readyz", "/healthz"]), (NEW, ["/readyz"])],
                         ids=["old-daemon", "new-daemon"])  # fmt: skip
@pytest.mark.parametrize("verb", ["ADD", "CHECK", "STATUS", "GC"])
def test_our_shim_asks_for_readyz_and_takes_healthz_where_there_is_none(
    tmp_path: Path, daemon: tuple[str, ...], probes: list[str], verb: str
) -> None:
    """F60, F62.  Spec section 12.3."""
    with Listening(tmp_path, *daemon) as listening:
        assert call("plurimus", verb, tmp_path) == (RESULT if verb == "ADD" else {})
    assert listening.asked == [f"POST {path}" for path in ("/cni/now", *probes, "/cni")]


def test_our_shim_deletes_also_while_the_daemon_is_shutting_down(tmp_path: Path) -> None:
    """F62: `/readyz` says no then."""
    with Listening(tmp_path, *OLD) as listening:
        assert call("plurimus", "DEL", tmp_path) == {}
    assert listening.asked == ["POST /cni/now", "POST /healthz", "POST /cni"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_daemon_of_4_3_0_has_healthz_alone_and_ours_has_both(node: SharedNode, method: str) -> None:
    """F62.  Spec section 7.2."""
    theirs, ours = node.multus.socket_dir, Path(node.config["socketDir"])
    assert [http(theirs, method, path)[0] for path in ("/healthz", "/readyz")] == [200, 404]
    assert [http(ours, method, path)[0] for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/cni", 405), ("PUT", "/healthz", 405), ("GET", "/x", 404)]
)
def test_both_refuse_what_they_do_not_have_alike(node: SharedNode, method: str, path: str, status: int) -> None:
    """Spec section 7.2."""
    for folder in (node.multus.socket_dir, Path(node.config["socketDir"])):
        assert http(folder, method, path)[0] == status
