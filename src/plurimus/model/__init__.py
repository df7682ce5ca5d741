"""The Kubernetes objects Plurimus reads and writes, reduced to the fields it needs.

Pure.  How an object is fetched lives in `plurimus.adapters`; what follows from it in
`plurimus.core`.
"""
