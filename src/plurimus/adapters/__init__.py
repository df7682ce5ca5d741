"""The doing: each module talks to one thing outside and implements one port of `core.ports`.

Adapters do not know each other and decide nothing.  Foreign exceptions are translated
here; above an adapter nobody catches `OSError`.
"""
