"""The other trainable systems of the paper's Table 1, each as its own paper describes its network.

All work on RGB in [0, 1] at the size of the target: what is not a method of super-resolution gets the bicubic result
(§4.3), and SRCNN and VDSR want it themselves.
"""
