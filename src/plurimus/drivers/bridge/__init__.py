"""A pod on a bridge of the node; stands for `bridge`."""
