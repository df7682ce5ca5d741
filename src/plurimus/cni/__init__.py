"""The CNI specification as values: configurations, arguments, results, errors, the result cache.

Pure: nothing here opens a file, a socket or a process.  What Kubernetes adds lives in
`plurimus.model`; what Plurimus decides lives in `plurimus.core`.
"""
