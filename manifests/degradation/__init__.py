"""Eq. 4's parameter space, its keyed draws, and the arithmetic that both implementations share."""
