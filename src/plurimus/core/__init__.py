"""What Plurimus decides: values in, values out.

Pure: no socket, file, process or clock.  The world is reached through the protocols in
`ports`, which `plurimus.adapters` implement and `plurimus.node` calls.
"""
