"""Secrets in files stay there: an error has the place of what is wrong, and nothing else of it (found by fuzzing)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import kubeconfig, yamltexts
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.oneshot import OneShotApi
from plurimus.cni.errors import ConfigError, PlurimusError

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
