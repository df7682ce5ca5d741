"""The RDMA device of a network function for a pod; stands for `rdma`: `driver.py` first."""
