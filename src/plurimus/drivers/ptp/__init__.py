"""A pod on a wire of its own to the node; stands for `ptp`."""
