"""Write the parts of docs/reference that are made from the code: configuration keys, commands and metrics.

usage: write_reference.py [--check]      --check writes nothing, and fails where something would change
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml

from plurimus.cli.main import root
from plurimus.core import measured
from plurimus.core.config import DaemonConfig
from plurimus.core.metrics import MOST, OTHERS
from plurimus.core.netconf import NetConf

REFERENCE = Path(__file__).resolve().parent.parent / "docs/reference"
NAMES: dict[type, str] = {str: "string", bool: "true or false", int: "whole number", float: "number"}

Texts = Mapping[str, Mapping[str, Any]]


def main() -> None:
    pages = {"configuration.md": configuration(), "cli.md": commands(), "metrics.md": metrics()}
    changed = [name for name, text in pages.items() if _content(REFERENCE / name) != text]
    if "--check" in sys.argv:
        if changed:
            sys.exit(f"write_reference: {', '.join(changed)} in docs/reference is out of date; run `make docs`")
        return
    for name in changed:
        (REFERENCE / name).write_text(pages[name])
        print(f"docs/reference/{name} written")


def configuration() -> str:
    texts = yaml.safe_load((REFERENCE / "keys.yaml").read_text())
    return "\n".join(
        [
            "# Configuration keys",
            "",
            "Made by `make docs` from the code and `keys.yaml`; do not edit.",
            "",
            "The daemon's file has both groups; what it says about the second is laid over what the runtime sends,",
            "key by key, and never over a network's own configuration. Keys match without regard to case; unknown",
            "ones are named in the log. *Later* marks keys that are read and checked, and take effect later.",
            "",
            "## The daemon's own",
            "",
            *_table(DaemonConfig, texts["daemon"]),
            "",
            "## Of Plurimus as a plugin",
            "",
            *_table(NetConf, texts["plugin"]),
            "",
        ]
    )


def _table(struct: type[msgspec.Struct], texts: Texts) -> Iterator[str]:
    fields = msgspec.structs.fields(struct)
    odd = {field.encode_name for field in fields} ^ set(texts)
    if odd:
        sys.exit(f"write_reference: keys.yaml and the code differ in {', '.join(sorted(odd))}")
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        text = texts[field.encode_name]
        meaning = f"{text['text']}{' *(later)*' if text.get('later') else ''}"
        yield f"| `{field.encode_name}` | {_type(field.type)} | {_default(field)} | {meaning} |"


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return _type(next(argument for argument in arguments if argument is not type(None)))
    if origin in (list, tuple):
        return f"list of {_type(arguments[0])}s"
    if origin is dict or not isinstance(annotation, type) or issubclass(annotation, msgspec.Struct):
        return "object"
    return NAMES[annotation]


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None or value in ("", [], {}, ()):
        return "–"
    if isinstance(value, msgspec.Struct):
        value = {key: item for key, item in msgspec.to_builtins(value).items() if item not in ("", None, [], False)}
    return f"`{json.dumps(value)}`" if value else "–"


def commands() -> str:
    lines = ["# Commands", "", "Made by `make docs` from the code; do not edit.", ""]
    for path, command in _walk("plurimus", root):
        if not isinstance(command, click.Group):
            with click.Context(command, info_name=path) as context:
                lines += [f"## `{path}`", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        with click.Context(command, info_name=path) as context:
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found is not None:
                    yield from _walk(f"{path} {name}", found)


def metrics() -> str:
    lines = [
        "# Metrics",
        "",
        "Made by `make docs` from the code; do not edit.",
        "",
        "On `/metrics` of `metricsPort`, and of the daemon's socket; beside them what Linux says of the process,",
        f"`process_*`. Times are seconds. A metric with labels tells {MOST} combinations apart and counts what is new",
        f"after those as `{OTHERS}`. [How to use them](../how-to/observe-a-node.md).",
        "",
        "| metric | type | labels | what it says |",
        "|---|---|---|---|",
    ]
    for metric in measured.ALL:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |")
    lines += ["", "## Steps", "", "| `step` | what happens |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {text} |" for name, text in measured.STEPS.items()), ""])


def _content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    main()
