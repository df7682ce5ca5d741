"""YAML, read by a parser of 2 MB that is only imported where there is some."""

from __future__ import annotations

from typing import Any


def documents(text: str | bytes) -> list[Any]:
    """The documents in `text`; none in an empty one.

    Raises:
        ValueError: it is no YAML; the text has the place, and nothing that is there: it may be a secret.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(text, loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"no YAML{place}") from None
    except yaml.YAMLError:
        raise ValueError("no YAML: it has characters that YAML cannot have") from None
    except RecursionError:
        raise ValueError("no YAML: it nests too deeply") from None
