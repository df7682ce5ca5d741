"""YAML, read by a parser of 2 MB that is only imported where there is some."""

from __future__ import annotations

from typing import Any


def documents(text: str) -> list[Any]:
    """The documents in `text`; none in an empty one.

    Raises:
        ValueError: it is no YAML; the text has the place.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(text, loader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
