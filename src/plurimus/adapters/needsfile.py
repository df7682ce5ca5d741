"""What plugins were seen to need, in a file that the next daemon begins with."""

from __future__ import annotations

from pathlib import Path

import structlog

from plurimus.adapters import files
from plurimus.cni.errors import PlurimusError
from plurimus.core import needs
from plurimus.core.needs import Needs

_log = structlog.get_logger(__name__)


class NeedsFile:
    """`path` need not be there; nobody depends on its content."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Needs:
        """What is on file; nothing where there is none, or none that can be read."""
        try:
            return needs.decode(files.read(self._path))
        except FileNotFoundError:
            return Needs()
        except (OSError, ValueError) as error:
            _log.warning("what plugins need is learnt anew", path=str(self._path), error=str(error))
            return Needs()

    def store(self, known: Needs) -> None:
        try:
            files.replace(self._path, known.encode(), durable=False)
        except PlurimusError as error:
            _log.warning("what plugins need is not kept", error=str(error))
