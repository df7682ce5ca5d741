"""The release this tree is.  A plain file, because `importlib.metadata` costs the daemon 2 MB."""

VERSION = "0.1.0"
