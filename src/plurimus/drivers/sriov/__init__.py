"""A virtual function of an SR-IOV network card for a pod; stands for `sriov`: `driver.py` first."""
