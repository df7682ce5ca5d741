"""An interface of the host for a pod; stands for `host-device`: `driver.py` first."""
