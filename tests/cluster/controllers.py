"""The rest of the control plane: what makes pods of deployments, and gives pods a node."""

from __future__ import annotations

from typing import Self

from .certificates import Pair
from .client import Client, serves
from .controlplane import ADDRESS, ControlPlane, flags, free_ports
from .programs import program
from .service import Service
from .waiting import eventually


class Controllers:
    """kube-controller-manager and kube-scheduler, each under the rights the API server has for it."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._manager = _program(control_plane, "kube-controller-manager", _manager_options(control_plane))
        self._scheduler = _program(control_plane, "kube-scheduler", {})

    def __enter__(self) -> Self:
        try:
            self._manager.launch()
            self._scheduler.start()
            self._manager.wait()
            # the last thing a namespace gets before its pods can start
            eventually(self._published)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._scheduler.stop()
        self._manager.stop()

    def _published(self) -> bool:
        maps = self._control_plane.admin.get("/api/v1/namespaces/default/configmaps")["items"]
        return "kube-root-ca.crt" in {each["metadata"]["name"] for each in maps}


class Signer:
    """kube-controller-manager with one controller: the one that signs certificates somebody approved."""

    def __init__(self, control_plane: ControlPlane) -> None:
        options = _manager_options(control_plane) | {"controllers": "certificatesigningrequest-signing-controller"}
        self._manager = _program(control_plane, "kube-controller-manager", options)

    def __enter__(self) -> Self:
        self._manager.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.stop()


def _program(plane: ControlPlane, name: str, options: dict[str, object]) -> Service:
    user = plane.authority.client(name, f"system:{name}")
    kubeconfig = plane.write_kubeconfig(name, user)
    serving = plane.authority.server(f"{name}-serving", ["localhost", ADDRESS])
    (port,) = free_ports(1)
    options = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": ADDRESS,
        "secure-port": port,
        "tls-cert-file": serving.certificate,
        "tls-private-key-file": serving.key,
        "leader-elect": "false",
    } | options
    health = Client(f"https://localhost:{port}", plane.ca)
    log = plane.folder / f"{name}.log"
    return Service(name, [program(name), *flags(options)], log, lambda: serves(health, "/healthz"))


def _manager_options(plane: ControlPlane) -> dict[str, object]:
    authority: Pair = plane.authority.own
    return {
        "use-service-account-credentials": "true",
        "service-account-private-key-file": plane.accounts.key,
        "root-ca-file": authority.certificate,
        "cluster-signing-cert-file": authority.certificate,
        "cluster-signing-key-file": authority.key,
        "controllers": "*,bootstrapsigner,tokencleaner",
    }
