"""Structured logs: one JSON object per line, with pod, network and interface where there are any.

Spec section 2.1 (logging keys).  `verbose` is the default, where Multus says next to nothing.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import logging.handlers
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog
from structlog.typing import EventDict

from plurimus.adapters import files
from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.core.config import DaemonConfig, LogOptions

LEVELS = {"panic": logging.CRITICAL, "error": logging.ERROR, "verbose": logging.INFO, "debug": logging.DEBUG}
_MEGABYTE = 2**20


def configure(config: DaemonConfig, *, shared: bool = False) -> None:
    """Send logs where the configuration says; to stderr where it says nowhere.

    A `shared` file is written by many processes at a time, that each live for one call.

    Raises:
        ConfigError: the log file cannot be opened.
    """
    level = LEVELS[config.log_level.lower()]
    handlers: list[logging.Handler] = []
    if config.log_file:
        handlers.append(_file(Path(config.log_file), config.log_options, shared=shared))
    if config.log_to_stderr or not handlers:
        handlers.append(logging.StreamHandler(sys.stderr))
    formatter = structlog.stdlib.ProcessorFormatter(
        # libraries log without structlog; their lines are objects all the same
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level, _stamp],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
    for handler in handlers:
        handler.setFormatter(formatter)
    # what no line shows need not be looked for with each (Python's logging HOWTO, "Optimization")
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level, handlers=handlers, force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _stamp(_: object, __: str, event: EventDict) -> EventDict:
    """The time of a library's line, which every handler formats anew."""
    made = datetime.fromtimestamp(event["_record"].created, UTC)
    return {**event, "timestamp": made.isoformat().replace("+00:00", "Z")}


def _file(path: Path, options: LogOptions, *, shared: bool) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shared:
            _rotate_shared(path.resolve(), options)
        most = 0 if shared else options.max_size * _MEGABYTE
        handler = _Rotating(path, maxBytes=most, backupCount=options.max_backups)
    except OSError as error:
        raise ConfigError(f"daemon configuration: 'logFile' {path} cannot be opened: {error.strerror}") from error
    handler.options = options
    return handler


def _rotate_shared(path: Path, options: LogOptions) -> None:
    """Rotate a file that is full and that no other process rotates just now.

    It is renamed and no more: processes that have it open go on in it, and compressing would keep a runtime waiting.
    A file that cannot be rotated takes lines all the same.
    """
    if not path.is_file():
        return
    try:
        taken = files.lock(path, create=False)
    except (FileNotFoundError, AttachmentError):
        return
    if taken is None:
        return
    try:
        if 0 < options.max_size * _MEGABYTE <= os.fstat(taken).st_size:
            renaming = _Rotating(path, backupCount=options.max_backups, delay=True)
            renaming.options = msgspec.structs.replace(options, compress=False)
            with contextlib.closing(renaming), contextlib.suppress(OSError):
                renaming.doRollover()
    finally:
        os.close(taken)


class _Rotating(logging.handlers.RotatingFileHandler):
    """Rotation by size that also honours age (days) and compression."""

    options = LogOptions()

    def rotation_filename(self, default_name: str) -> str:
        return f"{default_name}.gz" if self.options.compress else default_name

    def rotate(self, source: str, dest: str) -> None:
        if self.options.compress and not source.endswith(".gz"):
            with Path(source).open("rb") as old, gzip.open(dest, "wb") as new:
                shutil.copyfileobj(old, new)
            Path(source).unlink()
        else:
            Path(source).replace(dest)
        self._drop_aged()

    def _drop_aged(self) -> None:
        current = Path(self.baseFilename)
        oldest = time.time() - self.options.max_age * 86400
        for path in current.parent.glob(f"{current.name}.*"):
            if self.options.max_age > 0 and path.stat().st_mtime < oldest:
                path.unlink()
