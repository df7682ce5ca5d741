"""What whereabouts has in files of a node: its configuration, its kubeconfig's namespace, the node's name.

All paths are below `root`, where this node's files are.

Spec sections 4.1 and 4.3.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from plurimus.cni import gojson
from plurimus.cni.errors import ConfigError

NAMESPACE = "kube-system"
FOLDERS = ("/etc/kubernetes/cni/net.d", "/etc/cni/net.d", "/host/etc/cni/net.d")
"""Where the file `whereabouts.d/whereabouts.conf` is looked for, the first one first."""


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
            return path, gojson.decode(_below(root, path).read_bytes())
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
        file = _decoded(_below(root, kubeconfig).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return NAMESPACE
    except OSError as error:
        raise ConfigError(f"kubeconfig {kubeconfig}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"kubeconfig {kubeconfig}: {' '.join(str(error).split())}") from error
    current = (each.context for each in file.contexts or () if each.name == file.current_context)
    return next((context.namespace for context in current if context), "") or NAMESPACE


def node_name(root: Path, folder: str = "") -> str:
    """This node's name: what the file `nodename` in `folder` says, else the host's name.

    Raises:
        ConfigError: neither can be read.
    """
    places = [f"{folder}/nodename"] if folder else []
    for path in (*places, "/etc/hostname"):
        try:
            if name := _below(root, path).read_text(errors="replace").strip():
                return name
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
    raise ConfigError("this node's name is not known: there is none in the environment nor in /etc/hostname")


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _decoded(content: bytes) -> _Kubeconfig:
    """JSON is YAML, and read without the parser of YAML."""
    try:
        return msgspec.json.decode(content, type=_Kubeconfig)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        pass
    import yaml

    try:
        return msgspec.convert(yaml.safe_load(content), _Kubeconfig)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
