"""Attributes and kernel parameters of an interface that is there; stands for `tuning`."""
