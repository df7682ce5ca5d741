"""A folder of YAML files as the cluster."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from plurimus.adapters.manifests import DEVICES, ManifestFolder
from plurimus.cni.errors import ClusterError, RequestError
from plurimus.core.devices import Allocation
from plurimus.core.plan import PodReference
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.model.event import Event
from plurimus.model.pod import NETWORK_STATUS, NETWORKS, Pod
from tests.allocations import allocation

SECRET = "hunter2-7f3a"


def pod(name: str = "a", namespace: str = "ns", uid: str = "uid-1", **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "uid": uid, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}}


def definition(name: str, config: str = "{}", namespace: str = "ns") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"kind": "NetworkAttachmentDefinition", "metadata": metadata, "spec": {"config": config}}


def write(path: Path, *documents: object) -> None:
    path.write_text("---\n".join(yaml.safe_dump(document) for document in documents))


async def test_pods_and_definitions_are_read_from_all_files(tmp_path: Path) -> None:
    write(tmp_path / "one.yaml", pod("a", **{NETWORKS: "net"}), None, definition("net", '{"type": "x"}'))
    write(tmp_path / "two.yml", pod("b"), {"kind": "Service", "metadata": 5}, "text")
    (tmp_path / "three.json").write_text(json.dumps(pod("c")))
    (tmp_path / "notes.txt").write_text("{")
    cluster = ManifestFolder(tmp_path)
    assert await cluster.get_pod("ns", "a") == Pod("ns", "a", "uid-1", {NETWORKS: "net"})
    assert await cluster.get_definition("ns", "net") == NetworkAttachmentDefinition("ns", "net", '{"type": "x"}')
    assert [str(each) for each in cluster.pods()] == ["ns/a", "ns/b", "ns/c"]


async def test_what_a_manifest_leaves_out_is_as_in_kubernetes(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "kind: Pod\nmetadata: {name: a}\n---\nkind: NetworkAttachmentDefinition\nmetadata: {name: net}\n"
    )
    cluster = ManifestFolder(tmp_path)
    assert await cluster.get_pod("default", "a") == Pod("default", "a")
    assert await cluster.get_definition("default", "net") == NetworkAttachmentDefinition("default", "net")


async def test_a_pod_has_the_priority_of_its_specification(tmp_path: Path) -> None:
    made = pod() | {"spec": {"priorityClassName": "system-node-critical", "priority": 2_000_001_000}}
    write(tmp_path / "pods.yaml", made, pod("b") | {"spec": None})
    named, plain = ManifestFolder(tmp_path).pods()
    assert (named.priority_class, named.priority) == ("system-node-critical", 2_000_001_000)
    assert (plain.priority_class, plain.priority) == ("", 0)


async def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", pod("a"), definition("b"))
    cluster = ManifestFolder(tmp_path)
    assert await cluster.get_pod("ns", "b") is None
    assert await cluster.get_pod("other", "a") is None
    assert await cluster.get_definition("ns", "a") is None


async def test_a_change_is_seen_by_the_next_request(tmp_path: Path) -> None:
    """A new file, an edit in place, an edit by renaming, a deletion."""
    cluster = ManifestFolder(tmp_path)
    assert cluster.pods() == []
    path = tmp_path / "a.yaml"
    for uid in ("one", "two", "three"):
        write(path, pod(uid=uid))
        found = await cluster.get_pod("ns", "a")
        assert found is not None
        assert found.uid == uid
    write(tmp_path / "b.new", pod("b"))
    (tmp_path / "b.new").rename(path)
    assert [str(each) for each in cluster.pods()] == ["ns/b"]
    path.unlink()
    assert cluster.pods() == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"kind: Pod\nmetadata: [\npassword: {SECRET}\n", id="torn"),
        pytest.param(f"kind: Pod\nmetadata:\n\tpassword: {SECRET}\n", id="tab"),
        pytest.param("kind: Pod\nmetadata: {namespace: ns}\n", id="no-name"),
        pytest.param("kind: Pod\nmetadata: {name: [1]}\n", id="wrong-type"),
        pytest.param("kind: Pod\n", id="no-metadata"),
        pytest.param(
            "kind: NetworkAttachmentDefinition\nmetadata: {name: x}\nspec: {config: {type: x}}\n", id="config"
        ),
        pytest.param("kind: !!python/object/apply:os.getpid []\n", id="code"),
        pytest.param("\udcff", id="no-text"),
    ],
)
async def test_a_malformed_file_is_named_and_loses_nothing(text: str, tmp_path: Path) -> None:
    """S46: the file's name and place, not its content; whatever is being edited, no pod is taken for deleted."""
    write(tmp_path / "a.yaml", pod("a"))
    cluster = ManifestFolder(tmp_path)
    assert len(cluster.pods()) == 1
    broken = tmp_path / "b.yaml"
    broken.write_text(text, errors="surrogateescape")
    for _ in range(2):
        with pytest.raises(ClusterError, match=f"{broken}: ") as caught:
            await cluster.get_pod("ns", "a")
        assert SECRET not in caught.value.msg
    write(broken, pod("b"))
    assert [str(each) for each in cluster.pods()] == ["ns/a", "ns/b"]


async def test_a_missing_folder_is_no_empty_cluster(tmp_path: Path) -> None:
    cluster = ManifestFolder(tmp_path / "missing")
    with pytest.raises(ClusterError, match=f"manifests in {tmp_path}/missing: no such folder"):
        await cluster.get_pod("ns", "a")


async def test_the_status_is_written_beside_the_manifests(tmp_path: Path) -> None:
    """As the pod's annotation; the manifests stay as they are, and the file is none of them."""
    write(tmp_path / "a.yaml", pod("a"))
    before = (tmp_path / "a.yaml").read_bytes()
    cluster = ManifestFolder(tmp_path)
    found = await cluster.get_pod("ns", "a")
    assert found is not None
    await cluster.write_status(found, '[{\n    "name": "x"\n}]')
    written = yaml.safe_load((tmp_path / "status/ns.a.yaml").read_text())
    assert (written["kind"], written["metadata"]["name"]) == ("Pod", "a")
    assert written["metadata"]["annotations"] == {NETWORK_STATUS: '[{\n    "name": "x"\n}]'}
    assert cluster.written.network_status("ns", "a") == '[{\n    "name": "x"\n}]'
    assert (tmp_path / "a.yaml").read_bytes() == before
    assert [str(each) for each in cluster.pods()] == ["ns/a"]


@pytest.mark.parametrize("now", [None, "uid-2"])
async def test_a_pod_that_was_replaced_gets_no_status(now: str | None, tmp_path: Path) -> None:
    """F56."""
    write(tmp_path / "a.yaml", pod("a"))
    cluster = ManifestFolder(tmp_path)
    found = await cluster.get_pod("ns", "a")
    assert found is not None
    write(tmp_path / "a.yaml", *([] if now is None else [pod("a", uid=now)]))
    with pytest.raises(ClusterError, match="pod ns/a was deleted or replaced while"):
        await cluster.write_status(found, "[]")
    assert not (tmp_path / "status").exists()


async def test_events_are_kept_oldest_first(tmp_path: Path) -> None:
    """F44: soon after the request, which does not wait for them."""
    cluster = ManifestFolder(tmp_path)
    first, second = Event("Normal", "AddedInterface", "one"), Event("Warning", "NoNetworkFound", "two\nlines")
    cluster.emit(PodReference("ns", "a"), [first])
    cluster.emit(PodReference("ns", "a"), [second])
    await asyncio.sleep(0)
    assert cluster.written.events("ns", "a") == [first, second]
    assert cluster.written.events("ns", "b") == []


async def test_the_events_of_a_pod_that_fails_for_ever_do_not_fill_the_disk(tmp_path: Path) -> None:
    """F44: the older ones go."""
    cluster = ManifestFolder(tmp_path)
    for number in range(200):
        cluster.emit(PodReference("ns", "a"), [Event("Warning", "NoNetworkFound", f"{number} " + "x" * 1000)])
    await asyncio.sleep(0)
    kept = [int(event.text.split()[0]) for event in cluster.written.events("ns", "a")]
    assert kept == list(range(kept[0], 200))
    assert (tmp_path / "status/ns.a.events").stat().st_size < 100_000


async def test_events_that_cannot_be_written_fail_no_request(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("in the way")
    cluster = ManifestFolder(tmp_path)
    cluster.emit(PodReference("ns", "a"), [Event("Normal", "AddedInterface", "one")])
    await asyncio.sleep(0)
    assert cluster.written.events("ns", "a") == []


async def test_devices_are_read_from_an_annotation(tmp_path: Path) -> None:
    """In the order written, which is that of the allocation."""
    cluster = ManifestFolder(tmp_path)
    wanted = {"example.com/vf": ["0000:03:00.2", "0000:03:00.1"]}
    assert await cluster.allocated(Pod("ns", "a", annotations={DEVICES: json.dumps(wanted)})) == allocation(wanted)
    assert await cluster.allocated(Pod("ns", "a")) == Allocation()
    by_container = {"trainer": {"example.com/vf": ["b"]}, "example.com/gpu": ["g"], "reader": {"example.com/vf": ["a"]}}
    found = await cluster.allocated(Pod("ns", "a", annotations={DEVICES: json.dumps(by_container)}))
    assert [(held.resource, held.ids, held.containers) for held in found.held] == [
        ("example.com/vf", ("b",), ("trainer",)),
        ("example.com/gpu", ("g",), ()),
        ("example.com/vf", ("a",), ("reader",)),
    ]
    for text in ("{", "[]", '{"x": "y"}', '{"x": [1]}', '{"c": {"x": "y"}}', '{"c": {"x": {"y": ["z"]}}}'):
        with pytest.raises(RequestError, match=f"pod ns/a: annotation {DEVICES}: "):
            await cluster.allocated(Pod("ns", "a", annotations={DEVICES: text}))


async def test_what_was_written_on_a_pod_is_forgotten_with_it(tmp_path: Path) -> None:
    cluster = ManifestFolder(tmp_path)
    cluster.written.set_network_status("ns", "a", "[]")
    cluster.written.add_events("ns", "a", [Event("Normal", "AddedInterface", "one")])
    cluster.written.forget("ns", "a")
    cluster.written.forget("ns", "a")
    assert cluster.written.network_status("ns", "a") == ""
    assert list((tmp_path / "status").iterdir()) == []


@pytest.mark.parametrize(
    "status",
    ["", '[{\n    "name": "a"\n}]', "[]\n", " leading", '["\x7f"]', '["\u00e9\u0085"]', "a: b # c", "- x\n\n  y"],
)
async def test_any_status_is_read_back_as_it_was_written(tmp_path: Path, status: str) -> None:
    """F40: whatever a plugin put into it."""
    write(tmp_path / "a.yaml", pod("a"))
    cluster = ManifestFolder(tmp_path)
    found = await cluster.get_pod("ns", "a")
    assert found is not None
    await cluster.write_status(found, status)
    assert cluster.written.network_status("ns", "a") == status
