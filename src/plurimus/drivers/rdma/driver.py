"""The RDMA device of a network function goes to the pod that has its interface; stands for `rdma`.

A chained plugin, behind `sriov` or `host-device`: it moves the device of the PCI or auxiliary function `deviceID`,
which takes the RDMA subsystem in exclusive mode.  In shared mode every namespace has all devices and none can be
moved: that is an error, as for the plugin, unless the configuration says `"sharedMode": "skip"`.

Beyond the plugin: DEL goes by where the device is, so that it succeeds once the device is home, however that came to
be; the function is also found from the interface; CHECK, STATUS and GC do something.

RDMA spec section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import structlog

from plurimus.adapters.rdma import EXCLUSIVE_AT_BOOT
from plurimus.cni.errors import AttachmentError, Code, ConfigError, PlurimusError, joined
from plurimus.cni.result import Result
from plurimus.core.leaks import Held, Namespace
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.rdma.state import Saved, SavedDevices, saved
from plurimus.drivers.threads import in_thread
from plurimus.wire.rdma import ACTIVE, SHARED, Port

_log = structlog.get_logger(__name__)
Look = Callable[[str], list[str]]


class Devices(Protocol):
    """The RDMA devices of this node and of its pods (`adapters.rdmadevices`)."""

    def mode(self) -> str: ...
    def exists(self, function: str) -> bool: ...
    def on_host(self, function: str) -> list[str]: ...
    def in_pod(self, namespace: str, function: str) -> list[str]: ...
    def behind(self, namespace: str, interface: str) -> str: ...
    def is_gone(self, namespace: str) -> bool: ...
    def give(self, name: str, namespace: str) -> None: ...
    def take_back(self, name: str, namespace: str) -> str: ...
    def ports(self, name: str, namespace: str | None = None) -> list[Port]: ...


class _Settings(msgspec.Struct, frozen=True):
    device_id: str = msgspec.field(default="", name="deviceID")
    shared_mode: str = msgspec.field(default="error", name="sharedMode")


class Rdma(Driver):
    """Moves `devices`, and keeps what it moved in `files`."""

    def __init__(self, devices: Devices, files: SavedDevices) -> None:
        self._devices = devices
        self._files = files

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        if call.previous is None:
            raise AttachmentError(
                f"network {call.network!r}: 'rdma' got no result of a plugin before it: expected to be called as part "
                "of a plugin chain, behind the plugin that makes the interface"
            )
        await in_thread(lambda: self._add(call, settings))
        return call.previous

    async def delete(self, call: Call) -> None:
        await in_thread(lambda: self._delete(call.network, call.container_id, call.ifname, call.netns))

    async def check(self, call: Call) -> None:
        settings = _read(call)
        await in_thread(lambda: self._check(call, settings))

    async def status(self, call: Call) -> None:
        settings = _read(call)
        if await in_thread(self._devices.mode) == SHARED and settings.shared_mode == "error":
            raise AttachmentError(_shared(), code=Code.PLUGIN_NOT_AVAILABLE)

    async def collect(self, call: Call) -> None:
        alive = call.valid_attachments()
        if alive is not None:
            await in_thread(lambda: self._collect(call.network, alive))

    async def held(self, call: Call, odd: list[PlurimusError]) -> list[Held]:
        return await in_thread(lambda: list(self._held(call.network, odd)))

    def _held(self, network: str, odd: list[PlurimusError]) -> Iterator[Held]:
        for container_id, ifname in self._files.of_network(network):
            try:
                saved = self._files.load(network, container_id, ifname)
            except PlurimusError as error:
                odd.append(error)
                continue
            if saved is not None:
                gone = bool(saved.netns) and self._devices.is_gone(saved.netns)
                yield Held("RDMA device", saved.host_name, network, container_id, ifname,
                           Namespace.GONE if gone else Namespace.UNKNOWN,
                           age=self._files.age(network, container_id, ifname))  # fmt: skip

    def _add(self, call: Call, settings: _Settings) -> None:
        if self._skips(settings):
            self._device(self._function(call, settings), self._devices.on_host)
            return
        function = self._function(call, settings)
        home = self._devices.on_host(function)
        name = self._device(function, lambda _: home, also_in=call.netns)
        self._files.store(call.network, call.container_id, call.ifname, saved(function, name, call.netns))
        if name in home:  # else an earlier try of this ADD has moved it
            try:
                self._devices.give(name, call.netns)
            except PlurimusError as error:
                try:
                    self._files.remove(call.network, call.container_id, call.ifname)
                except PlurimusError as failure:
                    error.add_note(f"while undoing: {failure}")
                raise error.about(f"deviceID {function}: ") from None
        # a pod that had it before is gone, and may have had the path of this one's namespace, where its DEL would look
        self._files.forget_others(function, call.network, call.container_id, call.ifname)

    def _delete(self, network: str, container_id: str, ifname: str, netns: str) -> None:
        saved = self._files.load(network, container_id, ifname)
        if saved is None:
            self._files.remove(network, container_id, ifname)  # half of a file, perhaps
            return
        namespace = netns or saved.netns
        if not namespace and not self._is_home(saved):
            _log.warning("an RDMA device stays where it is: nobody says in which namespace", device=saved.name,
                         device_id=saved.device_id, container=container_id)  # fmt: skip
            return
        self._give_back(saved, namespace)
        self._files.remove(network, container_id, ifname)

    def _give_back(self, saved: Saved, namespace: str) -> None:
        """See to it that the device is on the host; the kernel takes it home where its namespace has ended."""
        if not namespace or self._devices.is_gone(namespace) or self._devices.mode() in (SHARED, ""):
            return
        for name in self._inside(saved, namespace):
            home = self._devices.take_back(name, namespace)
            if home != saved.host_name:
                _log.warning("an RDMA device came home under another name", device=home, was=saved.host_name,
                             device_id=saved.device_id)  # fmt: skip

    def _inside(self, saved: Saved, namespace: str) -> list[str]:
        """The devices of that function in the namespace, whatever they are called by now."""
        return self._devices.in_pod(namespace, saved.device_id)

    def _is_home(self, saved: Saved) -> bool:
        return bool(self._devices.on_host(saved.device_id)) or not self._devices.exists(saved.device_id)

    def _check(self, call: Call, settings: _Settings) -> None:
        if self._skips(settings):
            name = self._device(self._function(call, settings), self._devices.on_host)
            _check_ports(name, self._devices.ports(name))
            return
        saved = self._files.load(call.network, call.container_id, call.ifname)
        if saved is None:
            raise AttachmentError(
                f"nothing is saved of an RDMA device of {call.ifname}: it was given back, or never given"
            )
        name = self._device(saved.device_id, lambda function: self._devices.in_pod(call.netns, function))
        _check_ports(name, self._devices.ports(name, call.netns))

    def _collect(self, network: str, alive: set[tuple[str, str]]) -> None:
        errors = []
        for container_id, ifname in self._files.of_network(network):
            if (container_id, ifname) not in alive:
                try:
                    self._delete(network, container_id, ifname, "")
                except PlurimusError as error:
                    errors.append(error.about(f"RDMA device of {container_id}, {ifname}: "))
        if errors:
            raise joined(errors)

    def _skips(self, settings: _Settings) -> bool:
        """Whether nothing is to be moved.

        Raises:
            AttachmentError: nothing can be.
        """
        mode = self._devices.mode()
        if not mode:
            raise AttachmentError("this node has no RDMA subsystem: load the driver of the card, and with it ib_core")
        if mode == SHARED and settings.shared_mode == "error":
            raise AttachmentError(_shared())
        return mode == SHARED

    def _function(self, call: Call, settings: _Settings) -> str:
        """The function whose device it is: as configured, else the one behind the interface."""
        found = settings.device_id or self._devices.behind(call.netns, call.ifname)
        if not found:
            raise AttachmentError(
                f"there is no 'deviceID', and interface {call.ifname} has no PCI or auxiliary function: give the "
                "network's definition a resource name"
            )
        return found

    def _device(self, function: str, look: Look, *, also_in: str = "") -> str:
        """The one RDMA device `look` finds of a function; `also_in` is a pod that may have it already."""
        found = look(function) or (self._devices.in_pod(also_in, function) if also_in else [])
        if len(found) == 1:
            return found[0]
        if found:
            raise AttachmentError(
                f"deviceID {function} has several RDMA devices ({', '.join(found)}), expected one: a physical function "
                "in switchdev mode or a bond cannot be given to a pod"
            )
        if not self._devices.exists(function):
            raise AttachmentError(f"this node has no PCI or auxiliary function {function}, the deviceID")
        raise AttachmentError(
            f"no RDMA devices found for deviceID {function}: another pod has it still, or its driver makes none "
            "(see 'rdma dev' and the driver's modules, as mlx5_ib)"
        )


def _read(call: Call) -> _Settings:
    settings = call.settings(_Settings)
    if settings.shared_mode not in ("error", "skip"):
        raise ConfigError(
            f"network configuration {call.network!r}: 'sharedMode' is {settings.shared_mode!r}, "
            "expected 'error' or 'skip'"
        )
    return settings


def _check_ports(name: str, ports: list[Port]) -> None:
    if not any(port.state == ACTIVE for port in ports):
        states = ", ".join(f"{port.number} is {port.state}" for port in ports) or "it has none"
        raise AttachmentError(f"RDMA device {name} has no port that is {ACTIVE}: {states}")


def _shared() -> str:
    return (
        "the RDMA subsystem of this node is in shared mode, in which no device can be moved, expected exclusive mode: "
        f'{EXCLUSIVE_AT_BOOT}, or say \'"sharedMode": "skip"\' to have all pods see all devices'
    )
