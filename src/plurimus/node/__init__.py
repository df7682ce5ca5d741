"""The daemon: what happens to one request, and to the node as a whole.

Read `request.py` first.  Decisions are taken in `plurimus.core`, effects happen in
`plurimus.adapters`; this package puts them in order.
"""
