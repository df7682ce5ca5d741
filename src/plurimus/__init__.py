"""Plurimus gives a Kubernetes pod more than one network interface.

The folders, from the inside out (arrows point to the left only; see ARCHITECTURE.md):
`cni` and `model` are values, `core` decides, `wire` speaks binary protocols, `adapters`
and `drivers` touch the world, `node` is the daemon, `cli` is the command.
"""
