"""Addresses of ranges that all nodes of a cluster share; stands for `whereabouts`: `driver.py` first."""
