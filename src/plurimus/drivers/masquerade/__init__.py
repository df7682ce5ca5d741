"""What leaves a network from a pod's address has the node's: `ipMasq`, by iptables or nftables.

Rules, chains, comments and hashes are those of the plugins, so either takes away what the other made.

Plugins spec section 1.6.
"""
