"""What whereabouts has in files of a node: its configuration, its kubeconfig's namespace, the node's name.

All paths are below `root`, where this node's files are.  Some come from tenants, and errors go to the events of their
pods: so only regular files of up to 64 KiB are read, and errors say where a file is wrong, but nothing that is in it.

Spec sections 4.1 and 4.3.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from plurimus.adapters import rooted
from plurimus.cni import gojson
from plurimus.cni.errors import ConfigError
from plurimus.core import whereabouts

NAMESPACE = "kube-system"
FOLDERS = ("/etc/kubernetes/cni/net.d", "/etc/cni/net.d", "/host/etc/cni/net.d")
"""Where the file `whereabouts.d/whereabouts.conf` is looked for, the first one first."""

_MOST = 64 * 1024
"""Bytes of a file."""


class _Context(msgspec.Struct, frozen=True):
    namespace: str = ""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""
    context: _Context | None = None


class _Kubeconfig(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str = ""
    contexts: list[_Named] | None = None


def flat(root: Path, first: str = "") -> tuple[str, object] | None:
    """Path and content of the node's own configuration; None where there is none.

    `first` is looked at before the usual places, where it is a file: it may be the folder of `node_name`, too.

    Raises:
        ConfigError: it cannot be read, or is no JSON.
    """
    usual = (f"{folder}/whereabouts.d/whereabouts.conf" for folder in FOLDERS)
    for path in filter(None, (first, *usual)):
        try:
            return path, _json(_read(root, path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except IsADirectoryError as error:
            if path == first:
                continue
            raise ConfigError(f"{path}: {error.strerror}") from error
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise ConfigError(f"{path}: {error}", code=6) from error
    return None


def namespace(root: Path, kubeconfig: str) -> str:
    """The namespace of the current context of a kubeconfig; `kube-system` where it says none, or there is no such file.

    Raises:
        ConfigError: the file cannot be read, or is no kubeconfig.
    """
    if not kubeconfig:
        return NAMESPACE
    try:
        file = _kubeconfig(_read(root, kubeconfig))
    except (FileNotFoundError, NotADirectoryError):
        return NAMESPACE
    except OSError as error:
        raise ConfigError(f"kubeconfig {kubeconfig}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"kubeconfig {kubeconfig}: {error}") from error
    current = (each.context for each in file.contexts or () if each.name == file.current_context)
    found = next((context.namespace for context in current if context), "") or NAMESPACE
    if not whereabouts.is_namespace(found):
        raise ConfigError(f"kubeconfig {kubeconfig}: the namespace of its current context is none")
    return found


def node_name(root: Path, folder: str = "") -> str:
    """This node's name: what the file `nodename` in `folder` says, else the host's name.

    Raises:
        ConfigError: neither can be read.
    """
    places = [f"{folder}/nodename"] if folder else []
    for path in (*places, "/etc/hostname"):
        try:
            if name := _read(root, path).decode(errors="replace").strip():
                return name
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
    raise ConfigError("this node's name is not known: there is none in the environment nor in /etc/hostname")


def _read(root: Path, path: str) -> bytes:
    return rooted.read(str(root), path, _MOST)


def _json(content: bytes) -> object:
    """As `gojson.decode`, with errors of our own: its own may quote."""
    try:
        return gojson.decode(content)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: line {error.lineno}") from error
    except ValueError as error:
        raise ValueError("no JSON in UTF-8, or more than configurations have") from error


def _kubeconfig(content: bytes) -> _Kubeconfig:
    """JSON is YAML, and read without the parser of YAML."""
    try:
        return msgspec.json.decode(content, type=_Kubeconfig)
    except msgspec.ValidationError:  # has the types and the keys' names
        raise
    except (msgspec.DecodeError, RecursionError):
        pass
    return msgspec.convert(_yaml(content), _Kubeconfig)


def _yaml(content: bytes) -> object:
    """As `yaml.safe_load`, with errors of our own: its own quote lines of the file."""
    import yaml

    try:
        return yaml.safe_load(content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"no YAML: line {mark.line + 1}" if mark else "no YAML") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError("no YAML, or more than kubeconfigs have") from error
