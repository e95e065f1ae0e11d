"""What is trained: the networks of §3.1 and §3.3, the warp of eq. 2, the baselines of Table 1."""
