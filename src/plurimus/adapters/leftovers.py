"""Deleting folders that somebody else could write into: any depth, any number of files, no link followed.

A folder is renamed first, which takes no time and decides the outcome, then emptied where nobody waits for it.  What
is deep comes up before it is emptied: two open folders and no recursion are enough for any depth, and names that
a container has made are never put together to a path.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

OLD = ".old-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROUNDS = 3
"""How often a folder is gone through that is not empty afterwards: not for ever, if somebody goes on writing."""
_log = structlog.get_logger(__name__)


def put_aside(path: Path) -> list[str]:
    """What `path` is called from now on, beside it; nothing where there is nothing.

    Raises:
        OSError: it is where it was.
    """
    name = _fresh()
    try:
        path.rename(path.with_name(name))
    except FileNotFoundError:
        return []
    return [name]


def delete(folder: Path, names: Iterable[str]) -> None:
    """Delete what `names` are in `folder`, where only we come; what cannot be deleted stays, and the log says so.

    It takes as long as there are files: no work for the daemon's loop.
    """
    waiting = list(names)
    if not waiting:
        return
    try:
        top = os.open(folder, _FOLDER)
    except OSError as error:
        _log.warning("nothing is tidied up here", path=str(folder), error=error.strerror)
        return
    try:
        while waiting:
            name = waiting.pop()
            errors: list[OSError] = []
            _remove(top, name, waiting, errors)
            if errors:
                _log.warning("a folder of a pod that is gone stays", path=str(folder / name), error=errors[0].strerror)
    finally:
        os.close(top)


def _remove(top: int, name: str, waiting: list[str], errors: list[OSError]) -> None:
    """Remove the folder or file `name` of `top`; folders in it come up and are `waiting` then."""
    try:
        here = os.open(name, _FOLDER, dir_fd=top)
    except FileNotFoundError:
        return  # another process is at it, too
    except OSError as error:
        with _noting(errors):
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            os.unlink(name, dir_fd=top)
        return
    try:
        for _ in range(_ROUNDS):
            errors.clear()
            with _noting(errors):
                _empty(here, top, waiting, errors)
            with _noting(errors):
                os.rmdir(name, dir_fd=top)
            if not errors:
                return
    finally:
        os.close(here)


def _empty(here: int, top: int, waiting: list[str], errors: list[OSError]) -> None:
    with os.scandir(here) as entries:
        for entry in entries:
            with _noting(errors):
                if entry.is_dir(follow_symlinks=False):
                    name = _fresh()
                    os.rename(entry.name, name, src_dir_fd=here, dst_dir_fd=top)
                    waiting.append(name)
                else:
                    os.unlink(entry.name, dir_fd=here)


@contextmanager
def _noting(errors: list[OSError]) -> Iterator[None]:
    """Go on after a failure; what is missing by now is none."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        if not errors:  # a million would say no more than the first
            errors.append(error)


def _fresh() -> str:
    return f"{OLD}{os.urandom(8).hex()}"
