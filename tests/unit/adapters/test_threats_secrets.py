"""Secrets in files stay there: an error has the place of what is wrong, and nothing else of it (found by fuzzing)."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters import kubeconfig, yamltexts
from plurimus.cni.errors import ConfigError

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
