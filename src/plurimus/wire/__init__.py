"""Other people's binary protocols, as bytes in and values out.

Pure: no socket, no clock.  Who sends the bytes, and where, is decided in `plurimus.adapters`.
"""
