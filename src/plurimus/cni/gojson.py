"""JSON as Go programs read and write it, which is what CNI plugins and Multus are.

- Known keys match without regard to case; of several spellings the last in the document counts.
- `null` leaves a default in place; a wrong type is an error that names the path.
- Generic objects are written with sorted keys and without blanks; `<`, `>` and `&` are escaped.
- Integers are exact, whatever their size: Go would round them beyond 2^53 (sharp edge of
  section 0, fixed here).

Spec section 0.
"""

from __future__ import annotations

import functools
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_TO_ESCAPE = re.compile("[<>&\u2028\u2029]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DEPTH = 200
_MOST_DIGITS = 400


def decode(data: bytes | str) -> Any:
    """The JSON value in `data`.

    Raises:
        ValueError: `data` is not one JSON value in UTF-8, nests deeper than 200 levels, or
            holds a number no plugin could mean.
    """
    try:
        text = data if isinstance(data, str) else bytes(data).decode()
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("the JSON nests too deeply") from error
    # what `_checked` looks for needs many brackets, or a character that ASCII can only escape
    plain = text.count("[") + text.count("{") <= _MOST_DEPTH and text.isascii() and "\\u" not in text
    return value if plain else _checked(value, _MOST_DEPTH)


def decode_object(data: bytes | str) -> dict[str, Any]:
    """Like `decode`, for a value that must be an object."""
    value = decode(data)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {kind(value)}")
    return value


def encode(value: Any, *, indent: int | None = None) -> str:
    """`value` as Go prints a generic object: keys sorted, HTML characters escaped."""
    return escape_html(_encoder(indent).encode(value))


def ordered(value: Any) -> Any:
    """`value` with the keys of all its objects sorted, as Go leaves a generic object."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(item) for item in value] if isinstance(value, list | tuple) else value


def escape_html(text: str) -> str:
    """Escape what Go's encoder escapes; such characters only occur inside JSON strings."""
    return _TO_ESCAPE.sub(lambda found: _ESCAPED[found[0]], text)


def fold(value: object, known: Iterable[str]) -> dict[str, Any]:
    """Spell those keys of `value` that match a known one, ignoring case, as the known one is spelled.

    Raises:
        ValueError: `value` is not an object.
    """
    if type(value) is not dict and not isinstance(value, Mapping):  # the first is far quicker to tell
        raise ValueError(f"expected a JSON object, got {kind(value)}")
    names = _spelling(tuple(known))
    return {names.get(key.casefold()) or key: item for key, item in value.items()}


def convert(value: object, into: type[T]) -> T:
    """Read generic JSON into the msgspec type `into`, with Go's rules for keys and `null`.

    Raises:
        ValueError: a known key has a value of the wrong type; the text ends in the path.
    """
    try:
        wanted: Any = into
        shape = _shaper(wanted)
        return msgspec.convert(value if shape is None else shape(value), into)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def kind(value: object) -> str:
    """What JSON calls the type of `value`; for error messages."""
    names: dict[type, str] = {
        dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"
    }  # fmt: skip
    return names.get(type(value), "a number")


def _number(text: str) -> int | float:
    """Go prints 1e3 and 1.0 as 1000 and 1, so a plugin that wants an integer must see one."""
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:20]} is out of range")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _checked(value: Any, depth: int) -> Any:
    """Bound the nesting, and replace lone surrogates, which no UTF-8 can carry, as Go does."""
    if isinstance(value, str):
        return value if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict | list) and depth == 0:
        raise ValueError(f"the JSON nests deeper than {_MOST_DEPTH} levels")
    if isinstance(value, dict):
        return {_checked(key, depth): _checked(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, depth - 1) for item in value]
    return value


@functools.cache
def _shaper(into: Any) -> Callable[[Any], Any] | None:
    """What makes a value fit for msgspec: keys renamed wherever `into` has a struct, nulls that mean a default dropped.

    None where nothing can need that.
    """
    origin, arguments = typing.get_origin(into), typing.get_args(into)
    if origin in (types.UnionType, typing.Union):
        choices = [choice for choice in arguments if choice is not type(None)]
        return _shaper(choices[0]) if len(choices) == 1 else None
    if origin in (list, tuple):
        return _list_shaper(_shaper(arguments[0]))
    if origin is dict:
        return _dict_shaper(_shaper(arguments[1]), keeps_null=arguments[1] is Any)
    if isinstance(into, type) and issubclass(into, msgspec.Struct):
        return _struct_shaper(into)
    return None


def _list_shaper(inner: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    if inner is None:
        return None
    return lambda value: [inner(item) for item in value] if isinstance(value, list) else value


def _dict_shaper(inner: Callable[[Any], Any] | None, *, keeps_null: bool) -> Callable[[Any], Any] | None:
    if inner is None and keeps_null:
        return None

    def shape(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kept = {key: item for key, item in value.items() if item is not None or keeps_null}
        return {key: inner(item) for key, item in kept.items()} if inner is not None else kept

    return shape


def _struct_shaper(struct: type[msgspec.Struct]) -> Callable[[Any], Any]:
    inner = {field.encode_name: _shaper(field.type) for field in msgspec.structs.fields(struct)}
    names, nested = _spelling(tuple(inner)), [(name, fit) for name, fit in inner.items() if fit is not None]

    def shape(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        shaped = {}
        for key, item in value.items():
            name = key if key in inner else names.get(key.casefold())
            if name is not None:
                shaped[name] = item
        for name, fit in nested:
            if name in shaped:
                shaped[name] = fit(shaped[name])
        return {name: item for name, item in shaped.items() if item is not None} if None in shaped.values() else shaped

    return shape


_DECODER = json.JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=_no_constant)


@functools.cache
def _encoder(indent: int | None) -> json.JSONEncoder:
    separators = (",", ":") if indent is None else (",", ": ")
    return json.JSONEncoder(indent=indent, separators=separators, sort_keys=True, ensure_ascii=False)


@functools.cache
def _spelling(known: tuple[str, ...]) -> dict[str, str]:
    return {name.casefold(): name for name in known}
