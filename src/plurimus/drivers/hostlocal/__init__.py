"""Addresses out of ranges that a node has for itself; stands for `host-local`: `driver.py` first."""
