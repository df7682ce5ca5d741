"""The rights of deploy/, one by one, and accounts that have some of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import deployed, objects
from .client import Client, Object, Refused
from .waiting import eventually

_RBAC = "rbac.authorization.k8s.io"
_REFUSED = re.compile(r'cannot (\w+) resource "([\w/-]+)" in API group "([\w.-]*)".*; give the daemon.s role that verb')
_SIGNER = re.compile(r'not permitted to (\w+) requests with signerName "([\w./-]+)"')


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; `names` are the only objects it is for, and `namespace` the only one it is in."""

    verb: str
    resource: str
    group: str = ""
    names: tuple[str, ...] = ()
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def of(things: Iterable[Object], role: str) -> list[Right]:
    """What roles of that name give, in one namespace or in all."""
    found = [right for thing in things if thing["kind"] in ("ClusterRole", "Role") for right in _of(thing, role)]
    assert len(set(found)) == len(found), f"a right is given twice: {sorted(found)}"
    return found


def roles(things: Iterable[Object]) -> set[str]:
    """The names of all roles."""
    return {thing["metadata"]["name"] for thing in things if thing["kind"] in ("ClusterRole", "Role")}


def lacked(texts: Iterable[str]) -> set[tuple[str, str, str]]:
    """The verbs, resources and groups that refusals name; each says what is to be done, or which signer it is about."""
    found = set()
    for text in texts:
        found |= set(_REFUSED.findall(text))
        found |= {(verb, "signers", "certificates.k8s.io") for verb, _ in _SIGNER.findall(text)}
    return found


def account(admin: Client, name: str, namespace: str, rights: Sequence[Right]) -> str:
    """The token of a new service account that has `rights`; `wait` waits until they count."""
    objects.create(admin, objects.service_account(name, namespace))
    for place in _places(rights):
        rules = [_rule(right, name) for right in rights if right.namespace == place]
        _give(admin, name, namespace, _moved(place, namespace), rules)
    return deployed.token(admin, name, namespace)


def wait(client: Client, name: str, namespace: str, rights: Sequence[Right]) -> None:
    """Until the API server lets the account `client` is do something by each of its roles."""
    for place in _places(rights):
        right = next(each for each in rights if each.namespace == place)
        resource, _, subresource = right.resource.partition("/")
        asked = {"verb": right.verb, "resource": resource, "subresource": subresource, "group": right.group,
                 "namespace": _moved(place, namespace), "name": "".join(_named(right, name)[:1])}  # fmt: skip
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                  "spec": {"resourceAttributes": asked}}  # fmt: skip
        eventually(partial(_allowed, client, review))


def _places(rights: Sequence[Right]) -> list[str]:
    return list(dict.fromkeys(right.namespace for right in rights))


def _moved(place: str, namespace: str) -> str:
    """What is for Plurimus' own namespace is here for that of the account."""
    return namespace if place == deployed.NAMESPACE else place


def take_away(admin: Client, name: str) -> None:
    """What belongs to no namespace of a test."""
    for thing in (_object("ClusterRoleBinding", name, ""), _object("ClusterRole", name, "")):
        admin.delete(objects.path(thing))
    for thing in (_object("RoleBinding", name, "default"), _object("Role", name, "default")):
        if thing["metadata"]["name"] in _names(admin, thing):
            admin.delete(objects.path(thing))


def _of(role: Object, name: str) -> list[Right]:
    if role["metadata"]["name"] != name:
        return []
    namespace = role["metadata"].get("namespace", "")
    return [
        Right(verb, resource, group, tuple(rule.get("resourceNames", ())), namespace)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def _rule(right: Right, name: str) -> Mapping[str, Any]:
    names = {"resourceNames": list(_named(right, name))} if right.names else {}
    return {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb], **names}


def _named(right: Right, name: str) -> tuple[str, ...]:
    """An account that may do something with itself is here another one."""
    return tuple(name if each == deployed.ACCOUNT else each for each in right.names)


def _give(admin: Client, name: str, namespace: str, place: str, rules: Sequence[Mapping[str, Any]]) -> None:
    kind = "Role" if place else "ClusterRole"
    objects.create(admin, _object(kind, name, place, rules=list(rules)))
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    reference = {"apiGroup": _RBAC, "kind": kind, "name": name}
    objects.create(admin, _object(f"{kind}Binding", name, place, subjects=[subject], roleRef=reference))


def _object(kind: str, name: str, namespace: str, **more: Any) -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, **more}


def _names(admin: Client, like: Object) -> set[str]:
    return {each["metadata"]["name"] for each in admin.get(objects.collection(like))["items"]}


def _allowed(client: Client, review: Object) -> bool:
    try:
        answer = client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    except Refused:
        return False
    return bool(answer["status"]["allowed"])
