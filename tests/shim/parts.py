"""The parts of the shim that do no I/O, loaded into Python."""

from __future__ import annotations

import ctypes
import subprocess
from ctypes import byref, c_char_p, c_double, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from .runtime import ROOT

PURE = ("text.c", "http.c", "result.c")
"""Of `http.c` the half that reads an answer."""


class _Text(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t), ("room", c_size_t)]


class _Answer(ctypes.Structure):
    _fields_ = [("status", c_int), ("exit_code", c_int),
                ("body", c_void_p), ("length", c_size_t), ("raw", _Text)]  # fmt: skip


class Parts:
    """Each function takes and gives bytes; None stands for NULL."""

    def __init__(self, library: Path) -> None:
        argv = ["cc", "-std=c11", "-O1", "-shared", "-fPIC", "-o", library, *[ROOT / "shim" / name for name in PURE]]
        subprocess.run(argv, check=True)
        self._library = ctypes.CDLL(str(library))
        self._library.json_find.restype = c_void_p
        self._library.json_next.restype = c_void_p
        self._library.json_number.restype = c_double
        self._library.add_result.restype = c_char_p
        self._free = ctypes.CDLL(None).free
        self._free.argtypes = [c_void_p]

    def find(self, data: bytes, key: str) -> bytes | None:
        length = c_size_t()
        return self._taken(self._library.json_find(data, c_size_t(len(data)), key.encode(), byref(length)), length)

    def elements(self, data: bytes) -> list[bytes]:
        at, length, found = c_size_t(), c_size_t(), []
        while True:
            element = self._library.json_next(data, c_size_t(len(data)), byref(at), byref(length))
            if element is None:
                return found
            found.append(ctypes.string_at(element, length.value))

    def is_object(self, data: bytes) -> bool:
        return bool(self._library.json_is_object(data, c_size_t(len(data))))

    def string(self, data: bytes, key: str, room: int = 4096) -> tuple[int, bytes]:
        """The function's answer, and what is in its buffer, which held `old` before."""
        into = ctypes.create_string_buffer(b"old", room)
        answer = self._library.json_string(data, c_size_t(len(data)), key.encode(), into, c_size_t(room))
        return answer, into.value

    def number(self, data: bytes, key: str, otherwise: float, least: float, most: float) -> float:
        limits = (c_double(otherwise), c_double(least), c_double(most))
        found: float = self._library.json_number(data, c_size_t(len(data)), key.encode(), *limits)
        return found

    def json(self, data: bytes) -> bytes:
        return self._added("text_add_json", data)

    def base64(self, data: bytes) -> bytes:
        return self._added("text_add_base64", data)

    def result(self, data: bytes, version: str) -> bytes | str:
        """The converted result, or as text why there is none."""
        out = _Text()
        why = self._library.add_result(byref(out), data, c_size_t(len(data)), version.encode())
        added = self._content(out)
        return added if why is None else why.decode()

    def answer(self, data: bytes) -> tuple[int, int, bytes] | None:
        """Status, exit code and body."""
        room = ctypes.create_string_buffer(data)
        answer = _Answer()
        if self._library.parse_answer(room, c_size_t(len(data)), byref(answer)) != 0:
            return None
        return answer.status, answer.exit_code, ctypes.string_at(answer.body, answer.length)

    def is_container_id(self, text: str) -> bool:
        return bool(self._library.is_container_id(text.encode()))

    def is_ifname(self, text: str) -> bool:
        return bool(self._library.is_ifname(text.encode()))

    def _added(self, function: str, data: bytes) -> bytes:
        out = _Text()
        getattr(self._library, function)(byref(out), data, c_size_t(len(data)))
        return self._content(out)

    def _content(self, text: Any) -> bytes:
        content = ctypes.string_at(text.data, text.length) if text.length else b""
        self._free(text.data)
        return content

    def _taken(self, address: int | None, length: Any) -> bytes | None:
        return None if address is None else ctypes.string_at(address, length.value)
