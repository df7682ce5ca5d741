"""Definitions that name the namespaces whose pods may have them, beside `namespaceIsolation`."""

from __future__ import annotations

import pytest

from plurimus.model.definition import ALLOWED_NAMESPACES, NetworkAttachmentDefinition

LISTS = [
    (None, "any", True),
    ("", "any", False),
    ("", "infra", True),
    ("a", "a", True),
    ("a", "infra", True),
    ("a", "b", False),
    (" a , b ", "b", True),
    ("*", "any", True),
    ("a,*", "any", True),
    ("a b", "a", False),
    ("team-*", "team-a", False),
    ("A", "a", False),
    (",", "any", False),
]


@pytest.mark.parametrize(("listed", "namespace", "allowed"), LISTS)
def test_a_list_names_namespaces_whole(listed: str | None, namespace: str, *, allowed: bool) -> None:
    annotations = {} if listed is None else {ALLOWED_NAMESPACES: listed}
    assert NetworkAttachmentDefinition("infra", "rail", "", annotations).allows(namespace) is allowed
