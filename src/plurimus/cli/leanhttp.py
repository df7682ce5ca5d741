"""Import aiohttp without the system's list of certificate authorities, which it reads as it is imported.

That would be 2.5 MB in every daemon, for servers it never asks: the API server's authorities come with its address
(`adapters.credentials`), and where there are none the system's are read then.
"""

from __future__ import annotations

import os

_PLACES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}

_before = {name: os.environ.get(name) for name in _PLACES}
os.environ.update(_PLACES)
try:
    import aiohttp  # noqa: F401
finally:
    for _name, _value in _before.items():
        if _value is None:
            del os.environ[_name]
        else:
            os.environ[_name] = _value
