"""Blocking work of drivers, away from the daemon's loop."""

from plurimus.adapters.workers import in_thread, in_turn

__all__ = ["in_thread", "in_turn"]
