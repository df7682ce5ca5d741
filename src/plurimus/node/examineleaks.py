"""What the daemon's last sweep says about a node, for `node.doctor`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from plurimus.core.silent import NO_RECORD, NO_STATUS, Silent
from plurimus.node.examine import Finding, problem, warning
from plurimus.node.sweep import Finding as Leak

_TODO = {
    NO_RECORD: "delete the pod, so that it is made anew with its networks; see whether the runtime calls plurimus",
    NO_STATUS: "see who writes to the pod's annotations; its interfaces are there",
}


class Swept(msgspec.Struct, frozen=True, rename="camel"):
    """The sweep in the daemon's status (`node.sweep`)."""

    silent_pods: list[Silent] = []
    left: list[Leak] = []
    odd: list[str] = []


def findings(swept: Swept | None) -> Iterator[Finding]:
    """`swept` is None where the daemon is of a release without one."""
    if swept is None:
        return
    for silent in swept.silent_pods:
        todo = _TODO.get(silent.kind, "delete the pod, so that it is made anew with its networks")
        yield problem("pods", f"pod {silent.pod}: {silent.text}", todo)
    for each in swept.left:
        text = f"{each.kind} {each.what} of sandbox {each.container} is leaked and stays: {each.done}"
        yield problem("leaks", text, "mend that; the daemon tries it again, and `plurimus gc` at once")
    for text in swept.odd:
        yield warning("leaks", f"not all can be looked at: {text}", "mend that, or leaks there stay")
