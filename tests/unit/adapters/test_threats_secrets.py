"""Secrets stay where they were put: errors about files have the place alone (found by fuzzing), programs get none."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import kubeconfig, yamltexts
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.credentials import Credentials
from plurimus.adapters.hostprograms import HostPrograms
from plurimus.adapters.kubeconfig import Access, ExecPlugin
from plurimus.adapters.oneshot import OneShotApi
from plurimus.adapters.plugins import Executables
from plurimus.cni.errors import ConfigError, PlurimusError

from . import scripts

SECRET = "t0p-s3cret"
WRONG = [
    f'{{"users": [{{"name": "u", "user": {{"token": "{SECRET}", "exec": null}}}}',
    f"users:\n- name: u\n  user: {{token: {SECRET}\n",
    f"users:\n- name: u\n  user:\n    token: {SECRET}: x\n",
    f"token: *{SECRET}\n",
    f"token: !{SECRET} x\n",
    f"token: &{SECRET} x\n *{SECRET}\n",
    f"token: {SECRET}\n\ttab: x\n",
    f'token: "{SECRET}\\q"\n',
    f"token: {SECRET}\x00\n",
    f"a: {SECRET}\n---\nb: x\n",
    f"users: {SECRET}\n",
    f"users: [{{name: {{a: {SECRET}}}}}]\n",
    "[" * 5000 + SECRET,
]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_kubeconfig_is_named_without_what_is_in_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"kubeconfig {path}") as refused:
        kubeconfig.load(path)
    assert SECRET not in f"{refused.value} {refused.value.details}"


def test_the_place_is_told() -> None:
    with pytest.raises(ValueError, match=r"^no YAML: line 2, column 4$"):
        yamltexts.documents("a: 1\nb: *c\n")


ENCODED = base64.b64encode(SECRET.encode()).decode()
NOBODY = {"server": "https://127.0.0.1:1"}
PEM = base64.b64encode(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n".encode()).decode()
IDENTITIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a token that no header may have": (NOBODY, {"token": f"{SECRET}\nX: y"}),
    "a token for nobody": (NOBODY, {"token": SECRET}),
    "a token over plain HTTP": ({"server": "http://127.0.0.1:1"}, {"token": SECRET}),
    "a key that is none": (NOBODY, {"client-certificate-data": ENCODED, "client-key-data": ENCODED}),
    "a broken key": (NOBODY, {"client-certificate-data": PEM, "client-key-data": PEM}),
    "a key that is no base64": (NOBODY, {"client-certificate-data": ENCODED, "client-key-data": f"*{SECRET}*"}),
    "an authority that is none": ({**NOBODY, "certificate-authority-data": "bm9uZQ=="}, {"token": SECRET}),
    "a user in the URL": ({"server": f"https://admin:{SECRET}@127.0.0.1:1"}, {}),
    "a user in what is no URL": ({"server": f"admin:{SECRET}@127.0.0.1:1"}, {}),
    "a program that is not there": (
        NOBODY, {"exec": {"command": "/none", "args": [SECRET], "env": [{"name": "A", "value": SECRET}]}}
    ),
    "a program that fails": (NOBODY, {"exec": {"command": "false", "args": [SECRET]}}),
    "a program that prints no JSON": (NOBODY, {"exec": {"command": "echo", "args": [SECRET]}}),
    "a program that prints another thing": (NOBODY, {"exec": {"command": "echo", "args": [json.dumps([SECRET])]}}),
    "a program with a wrong token": (
        NOBODY, {"exec": {"command": "echo", "args": [json.dumps({"status": {"token": [SECRET]}})]}}
    ),
    "a program with a token that no header may have": (
        NOBODY, {"exec": {"command": "echo", "args": [json.dumps({"status": {"token": f"{SECRET} x"}})]}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("client", [ApiServer, OneShotApi])
@pytest.mark.parametrize(("cluster", "user"), IDENTITIES.values(), ids=IDENTITIES)
async def test_who_asks_the_api_server_in_vain_tells_nothing_of_itself(
    client: type[ApiServer], cluster: dict[str, Any], user: dict[str, Any], tmp_path: Path
) -> None:
    """Neither in the error nor in what a traceback shows of the values at hand."""
    path = tmp_path / "kubeconfig"
    named = {"clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}]}
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    path.write_text(json.dumps({"current-context": "c", "contexts": contexts, **named}))
    with pytest.raises(PlurimusError) as refused:
        await ask(client, path)
    causes: list[str] = []
    error: BaseException | None = refused.value
    while error is not None:
        causes.append(f"{error!r} {error} {getattr(error, 'details', '')} {getattr(error, '__notes__', '')}")
        error = error.__cause__ or error.__context__
    assert [text for text in causes for shape in (SECRET, ENCODED) if shape in text] == []


async def ask(client: type[ApiServer], path: Path) -> None:
    """For nothing in particular, as whom the kubeconfig says."""
    access = kubeconfig.load(path)
    assert SECRET not in repr(access)
    api = client(access, timeout=0.3)
    try:
        await api.get("/api/v1/pods", dict)
    finally:
        await api.close()


HEADERS = [f"OTEL_EXPORTER_OTLP_{of}HEADERS" for of in ("", "TRACES_", "METRICS_", "LOGS_")]


async def plugin(tells: Path) -> None:
    env = {"CNI_COMMAND": "ADD"}
    await Executables(timeout=60).run(tells.name, env=env, stdin=b"{}", search=[str(tells.parent)])


async def credential_program(tells: Path) -> None:
    await Credentials(Access("https://127.0.0.1:1", exec=ExecPlugin(str(tells)))).current()


async def host_program(tells: Path) -> None:
    await HostPrograms(Path("/")).run(tells.name)


@pytest.mark.parametrize("run", [plugin, credential_program, host_program])
async def test_no_program_gets_the_headers_the_daemon_sends_with_its_traces(
    run: Callable[[Path], Awaitable[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say who the daemon is at the collector; where that is, and all else of the environment, is no secret."""
    for name in HEADERS:
        monkeypatch.setenv(name, f"authorization={SECRET}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path}")
    body = f'env >{tmp_path}/told\necho \'{{"status": {{"token": "x"}}}}\''
    await run(Path(scripts.script(tmp_path / "tells", body)))
    told = (tmp_path / "told").read_text()
    assert SECRET not in told
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\n" in told
