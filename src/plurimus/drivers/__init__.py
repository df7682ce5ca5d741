"""CNI plugins that run inside the daemon, in the place of their executables.

A driver takes the configuration of the plugin it stands for, gives the same result and leaves the same behind, in the
kernel and on disk.  A driver is one file, or one with what it has to itself beside it; none knows another.
"""
