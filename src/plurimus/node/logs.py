"""Structured logs: one JSON object per line, with pod, network and interface where there are any.

Spec section 2.1 (logging keys).  `verbose` is the default, where Multus says next to nothing.
"""

from __future__ import annotations

import gzip
import logging
import logging.handlers
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog
from structlog.typing import EventDict

from plurimus.cni.errors import ConfigError
from plurimus.core.config import DaemonConfig, LogOptions

LEVELS = {"panic": logging.CRITICAL, "error": logging.ERROR, "verbose": logging.INFO, "debug": logging.DEBUG}


def configure(config: DaemonConfig) -> None:
    """Send logs where the configuration says; to stderr where it says nowhere.

    Raises:
        ConfigError: the log file cannot be opened.
    """
    level = LEVELS[config.log_level.lower()]
    handlers: list[logging.Handler] = []
    if config.log_file:
        handlers.append(_file(Path(config.log_file), config.log_options))
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


def _file(path: Path, options: LogOptions) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _Rotating(path, maxBytes=options.max_size * 2**20, backupCount=options.max_backups)
    except OSError as error:
        raise ConfigError(f"daemon configuration: 'logFile' {path} cannot be opened: {error.strerror}") from error
    handler.options = options
    return handler


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
