"""One request to one plugin, as a driver gets it, and what a driver is.

CNI spec, "Parameters" and "CNI operations".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from plurimus.cni import args, gojson, result, version
from plurimus.cni.args import Pairs
from plurimus.cni.errors import AttachmentError, Code, ConfigError, PlurimusError
from plurimus.cni.result import Result
from plurimus.core import netconf
from plurimus.core.leaks import Held

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """The variables and the configuration an executable would have been run with.

    `conf` is the decoded `stdin`, which is empty where nobody encoded it.
    """

    command: str
    container_id: str = ""
    netns: str = ""
    ifname: str = ""
    args: Pairs = ()
    search: tuple[str, ...] = ()
    conf: Mapping[str, Any] = field(default_factory=dict)
    stdin: bytes = b""

    @cached_property
    def previous(self) -> Result | None:
        """`prevResult`; None where there is none.

        For DEL one that is no result counts as none, since the interface has to go all the same.

        Raises:
            AttachmentError: it is no result.
        """
        previous = self.conf.get("prevResult")
        if previous is None:
            return None
        try:
            return result.parse(previous, default_version=self.cni_version)
        except AttachmentError:
            if self.command == "DEL":
                return None
            raise

    @property
    def network(self) -> str:
        """The name of the network."""
        return str(self.conf.get("name") or "")

    @property
    def cni_version(self) -> str:
        """The version results are told in."""
        return str(self.conf.get("cniVersion") or version.OLDEST)

    def env(self) -> dict[str, str]:
        """The CNI_* variables, for a plugin this one delegates to."""
        return {
            "CNI_COMMAND": self.command,
            "CNI_CONTAINERID": self.container_id,
            "CNI_NETNS": self.netns,
            "CNI_IFNAME": self.ifname,
            "CNI_ARGS": args.format_args(self.args),
            "CNI_PATH": ":".join(self.search),
        }

    def settings(self, into: type[T]) -> T:
        """The configuration as the msgspec type `into`; keys it does not have are ignored.

        Raises:
            ConfigError: code 7; the network, and the path of the value that has another type.
        """
        try:
            return gojson.convert(self.conf, into)
        except ValueError as error:
            raise ConfigError(f"network configuration {self.network!r}: {error}") from error

    def valid_attachments(self) -> set[tuple[str, str]] | None:
        """Container ID and interface of each attachment that lives; None where GC is not told, and nothing is to go.

        Raises:
            ConfigError: code 7; the list has what is no attachment.
        """
        for key in (netconf.VALID_ATTACHMENTS, netconf.VALID_ATTACHMENTS_OLD):
            if isinstance(self.conf.get(key), list):
                valid = netconf.valid_attachments({key: self.conf[key]})
                return {(each.container_id, each.ifname) for each in valid}
        return None


def read(env: Mapping[str, str], stdin: bytes, search: tuple[str, ...]) -> Call:
    """The call in the variables `env` and the configuration `stdin`.

    Raises:
        ConfigError: the configuration is no JSON object (code 6).
        RequestError: CNI_ARGS are no pairs.
        AttachmentError: `prevResult` is no result, which does not matter for DEL.
    """
    try:
        conf = gojson.fold(gojson.decode(stdin), ("name", "cniVersion", "prevResult"))
    except ValueError as error:
        raise ConfigError(f"network configuration: {error}", code=Code.DECODING_FAILURE) from error
    return of(env, conf, search, stdin)


def of(env: Mapping[str, str], conf: Mapping[str, Any], search: tuple[str, ...], stdin: bytes = b"") -> Call:
    """`read` for a configuration that is no JSON any more, whose known keys are spelled as they are known."""
    call = Call(
        command=env["CNI_COMMAND"],
        container_id=env.get("CNI_CONTAINERID", ""),
        netns=env.get("CNI_NETNS", ""),
        ifname=env.get("CNI_IFNAME", ""),
        args=args.parse_args(env.get("CNI_ARGS", "")),
        search=search,
        conf=conf,
        stdin=stdin,
    )
    if call.command != "DEL":  # most deletions do not ask for it
        call.previous  # noqa: B018 - refused before anything is done
    return call


class Driver(ABC):
    """A CNI plugin inside the daemon.

    Requests for different sandboxes, and for different interfaces of one, come at the same time.  A failure is a
    PlurimusError, an AttachmentError where a plugin would have failed; what a failed `add` leaves behind, the `delete`
    that follows takes away.
    """

    keys: ClassVar[tuple[str, ...]] = ()
    """The keys it knows of those that not every plugin has; a configuration with any other is left to the executable.

    None named: it takes every configuration.
    """
    section: ClassVar[str] = ""
    """The object of the configuration that has its keys: empty for the configuration itself, `ipam` for IPAM."""
    reads_previous: ClassVar[bool] = False
    """Whether `delete` makes something of `call.previous`, which else may be missing there."""

    @abstractmethod
    async def add(self, call: Call) -> Result:
        """ADD; what the next plugin, or the runtime, is told."""

    @abstractmethod
    async def delete(self, call: Call) -> None:
        """DEL; succeeds where there is nothing (more) to delete, and can be called again after a failure."""

    @abstractmethod
    async def check(self, call: Call) -> None:
        """CHECK; raises what differs from the result of the ADD."""

    def link(self, call: Call) -> str | None:
        """The kind of the interface whose deletion is all that `delete` does in the kernel.

        Empty: what it does goes with the interface.  None: it does more.  Where a sandbox ends, such interfaces are
        deleted together before `delete` is called, without a namespace then.
        """
        return None

    async def status(self, call: Call) -> None:  # noqa: B027 - most have nothing that could fail
        """STATUS; raises why an ADD would fail now."""

    async def collect(self, call: Call) -> None:  # noqa: B027 - most leave nothing behind
        """GC; gives back what belongs to none of `call.valid_attachments()`, and nothing where that is None."""

    async def held(self, call: Call, odd: list[PlurimusError]) -> list[Held]:
        """What its stores have for attachments of the call's network, whichever; nothing is changed.

        `odd` gets what cannot be looked at while the rest can.
        """
        return []
