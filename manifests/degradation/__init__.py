"""Spaces of degradations, eq. 4's and beyond, keyed draws, and the arithmetic that both implementations share."""
