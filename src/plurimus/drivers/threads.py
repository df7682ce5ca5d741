"""Blocking work of drivers, away from the daemon's loop."""

from plurimus.adapters.workers import in_thread

__all__ = ["in_thread"]
