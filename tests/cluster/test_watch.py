"""The copy of pods and definitions while the network and the API server do what they do at the worst moment."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.cni.errors import ClusterError

from . import deployed, objects
from .asdaemon import becomes, delete_pod, held, make_pod, running
from .client import Client
from .controlplane import ControlPlane
from .proxy import Proxy


@pytest.fixture
async def proxy(control_plane: ControlPlane) -> AsyncIterator[Proxy]:
    async with Proxy.to(control_plane.port) as proxy:
        yield proxy


@pytest.fixture
def through(access: Access, proxy: Proxy) -> Access:
    """The daemon's identity, by way of the proxy."""
    return dataclasses.replace(access, server=proxy.url)


async def test_a_watch_that_breaks_within_an_event_loses_nothing(
    through: Access, proxy: Proxy, admin: Client, namespace: str
) -> None:
    """F75: half of a pod with a large annotation comes, then the connection goes; the pod comes whole again."""
    first = make_pod(admin, namespace, "first")
    async with running(through) as found:
        proxy.cut_after(40_000)
        large = make_pod(admin, namespace, "large", networks="rail", size=100_000)
        await proxy.was_cut()
        await becomes(lambda: held(found, namespace), [first, large])
        delete_pod(admin, namespace, "first")
        await becomes(lambda: held(found, namespace), [large])


async def test_what_happens_while_nobody_can_be_reached_is_made_up_for(
    through: Access, proxy: Proxy, admin: Client, namespace: str
) -> None:
    old, gone = make_pod(admin, namespace, "a-old"), make_pod(admin, namespace, "b-gone")
    async with running(through) as found:
        proxy.refusing = True
        proxy.cut()
        delete_pod(admin, namespace, "b-gone")
        new = make_pod(admin, namespace, "c-new")
        assert held(found, namespace) == [old, gone]
        proxy.refusing = False
        await becomes(lambda: held(found, namespace), [old, new])


async def test_a_version_that_etcd_has_forgotten_is_listed_anew(
    through: Access, proxy: Proxy, control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """410: a deletion while the watch was away, compacted before it comes back, is in no event any more."""
    stays = make_pod(admin, namespace, "stays")
    make_pod(admin, namespace, "vanishes")
    objects.create(admin, objects.network("rail", namespace, '{"type": "macvlan"}'))
    async with running(through) as found:
        proxy.refusing = True
        proxy.cut()
        delete_pod(admin, namespace, "vanishes")
        admin.delete(objects.path(objects.network("rail", namespace, "")))
        new = make_pod(admin, namespace, "there-later")
        # the API server has a memory of its own, which starts anew with it
        control_plane.apiserver.stop()
        compact(control_plane)
        control_plane.apiserver.start()
        assert "vanishes" in [pod.name for pod in held(found, namespace)]
        proxy.refusing = False
        await becomes(lambda: held(found, namespace), [stays, new])
        await definition_vanishes(found, namespace)


async def definition_vanishes(found: KubernetesCluster, namespace: str) -> None:
    """Wait until the copy of definitions has lost `rail`: what it has is never asked for anew."""
    async with asyncio.timeout(60):
        while await found.get_definition(namespace, "rail") is not None:
            await asyncio.sleep(0.05)


def compact(control_plane: ControlPlane) -> None:
    """Make etcd forget all but the present."""
    revision = etcd(control_plane, "kv/range", {"key": "Lw=="})["header"]["revision"]
    etcd(control_plane, "kv/compaction", {"revision": revision, "physical": True})


def etcd(control_plane: ControlPlane, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A call of etcd's JSON gateway."""
    request = Request(f"{control_plane.etcd_url}/v3/{what}", json.dumps(body).encode())
    with build_opener(ProxyHandler({})).open(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


async def test_a_token_that_is_rotated_while_a_watch_goes_on(
    through: Access, proxy: Proxy, admin: Client, namespace: str
) -> None:
    """S15: the watch goes on with the old one; what comes after it uses the new one, and a wrong one is got over."""
    assert through.token_file is not None
    first = make_pod(admin, namespace, "first")
    async with running(through, timeout=2.0) as found:
        through.token_file.write_text(deployed.token(admin))
        second = make_pod(admin, namespace, "second")
        await becomes(lambda: held(found, namespace), [first, second])
        await found.write_status(second, "[]")
        # now one that nobody issued, and a watch that has to begin again
        valid = through.token_file.read_text()
        through.token_file.write_text("no-token")
        proxy.cut()
        third = make_pod(admin, namespace, "third")
        with pytest.raises(ClusterError, match="401"):
            await found.write_status(third, "[]")
        through.token_file.write_text(valid)
        await becomes(lambda: held(found, namespace), [first, second, third])


async def test_answers_that_come_late_come_all_the_same(
    through: Access, proxy: Proxy, admin: Client, namespace: str
) -> None:
    """S13: 700 ms an answer, where Multus gives up after 250."""
    proxy.delay = 0.7
    async with running(through) as found:
        pod = make_pod(admin, namespace, networks="rail")
        assert await found.get_pod(namespace, "trainer", uid=pod.uid) == pod
        await found.write_status(pod, "[]")
        await becomes(lambda: held(found, namespace), [pod])


async def test_a_network_that_is_silent_is_an_error_within_the_time_allowed(
    through: Access, proxy: Proxy, admin: Client, namespace: str
) -> None:
    """S13; what is in the copy needs nobody."""
    pod = make_pod(admin, namespace)
    async with running(through, timeout=1.0) as found:
        proxy.hold()
        assert await found.get_pod(namespace, "trainer", uid=pod.uid) == pod
        with pytest.raises(ClusterError, match="no answer of the API server in 1 s"):
            await found.get_pod(namespace, "another")
        proxy.go_on()
        later = make_pod(admin, namespace, "later")
        await becomes(lambda: held(found, namespace), [later, pod])


async def test_an_adapter_that_ends_leaves_no_connection_to_a_server_that_is_silent(
    through: Access, proxy: Proxy, admin: Client, namespace: str
) -> None:
    pod = make_pod(admin, namespace)
    rail = objects.create(admin, objects.network("rail", namespace, '{"type": "macvlan"}'))
    async with running(through) as found:
        # each watch is known to be under way by what it brings
        delete_pod(admin, namespace, pod.name)
        await becomes(lambda: held(found, namespace), [])
        admin.delete(objects.path(rail))
        await definition_vanishes(found, namespace)
        port = int(proxy.url.rpartition(":")[2])
        assert len(connections(port)) >= 2  # the watches
        proxy.hold()
    await asyncio.sleep(0)
    assert connections(port) == []


def connections(port: int) -> list[str]:
    """The connections to a port of loopback that are open at this end."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [local for _, local, remote, state, *_ in lines if remote.endswith(f":{port:04X}") and state == "01"]
