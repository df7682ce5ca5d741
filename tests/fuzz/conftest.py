"""What was fuzzed is told at the end, from whatever process it was in."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "fuzzed":
                terminalreporter.write_line(f"fuzzed {value}")
